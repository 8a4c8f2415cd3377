"""The cast in a real database, and as many real gateways in front of it as a test asks for."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from common.models import Server
from tests.cast import Cast, assemble, make_settings, variables_of
from tests.real.gateway import RealGateway
from upstream.fake import FakeUpstream
from webapp.resources import open_resources
from webapp.services import servers

Start = Callable[..., RealGateway]


@pytest.fixture
def cast(migrated_sqlite_url: str, redis_url: str) -> Iterator[Cast]:
    resources = open_resources(make_settings(migrated_sqlite_url, redis_url))
    yield assemble(resources)
    resources.close()


@pytest.fixture
def start_gateway(sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a gateway of so many processes before the cast's database; `variables` override its settings."""
    started: list[RealGateway] = []

    def start(*, processes: int = 1, **variables: str) -> RealGateway:
        shared = variables_of(make_settings(sqlite_url, redis_url))
        gateway = RealGateway(tmp_path, shared | variables, processes=processes)
        started.append(gateway)
        gateway.start()
        return gateway

    yield start
    for gateway in started:
        gateway.stop()


def add_server(cast: Cast, fake: FakeUpstream) -> Server:
    """The fake as the server `demo` of the cast's workspace, probed and added as the portal does it."""
    with cast.looks(cast.alice) as ctx:
        draft = servers.plan_server(ctx, cast.workspace.id, name="Demo", prefix="demo", url=fake.url)
    probe = servers.probe_draft(cast.resources.settings, draft)
    with cast.acts(cast.alice) as ctx:
        return servers.add_server(ctx, cast.workspace.id, draft, probe)
