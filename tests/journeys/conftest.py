"""The cast in a real database, and as many real gateways in front of it as a test asks for."""

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cast import MASTER_KEYS, Cast, assemble, make_settings
from tests.real.gateway import RealGateway
from tests.real.schema import migrate
from webapp.resources import open_resources

Start = Callable[..., RealGateway]
KEYS = ",".join(base64.b64encode(key).decode() for key in MASTER_KEYS)


@pytest.fixture
def cast(sqlite_url: str, redis_url: str) -> Iterator[Cast]:
    migrate(sqlite_url)
    resources = open_resources(make_settings(sqlite_url, redis_url))
    yield assemble(resources)
    resources.close()


@pytest.fixture
def start_gateway(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway of so many processes before the cast's database; `variables` override its settings."""
    started: list[RealGateway] = []

    def start(*, processes: int = 1, **variables: str) -> RealGateway:
        shared = {"DATABASE_URL": sqlite_url, "REDIS_URL": redis_url, "STOA_MASTER_KEYS": KEYS}
        gateway = RealGateway(tmp_path, shared | variables, processes=processes)
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        gateway.stop()
