"""The cast in a real database, and as many real gateways in front of it as a test asks for."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from common.db import make_engine
from common.models import Server, ServerSessions
from tests.cast import Cast, assemble, make_settings, variables_of
from tests.real.gateway import RealGateway
from tests.real.schema import migrate
from tests.real.speakers import LegacySpeaker, ModernSpeaker
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey
from upstream.fake import FakeUpstream
from upstream.fake_talk import counts_visits
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


@dataclass(slots=True)
class Stage:
    """A gateway of three processes before two servers: one of the handshake era, there four times
    (`leg`; `tok` and `cli`, with a session for each token and client; the impatient `now`), and the modern `mod`."""

    gateway: RealGateway
    legacy: FakeUpstream
    modern: FakeUpstream
    token: str
    other_token: str

    def legacy_client(self, *, version: str = "2025-11-25", **capabilities: Any) -> LegacySpeaker:
        return LegacySpeaker(self.gateway, "demo", self.token).begin(capabilities, version)

    def modern_client(self, **capabilities: Any) -> ModernSpeaker:
        return ModernSpeaker(self.gateway, "demo", self.token, capabilities)


@pytest.fixture(scope="module")
def stage(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder: Path = tmp_path_factory.mktemp("stage")
    database = migrate(f"sqlite:///{folder}/stoa.db")
    engine = make_engine(database)
    tenants = Tenants(engine)
    workspace = tenants.add_workspace("demo")
    variables = variables_of(make_settings(database, valkey.empty())) | {"STOA_RATE_WINDOW": "0.001"}
    gateway = RealGateway(folder, variables, processes=3)
    with FakeUpstream("legacy", live=True) as legacy, FakeUpstream("modern", live=True) as modern:
        legacy.offer("visits", counts_visits)
        tenants.add_server(workspace, legacy.url, prefix="leg", timeout=5)
        tenants.add_server(workspace, legacy.url, prefix="tok", timeout=5, sessions=ServerSessions.TOKEN)
        tenants.add_server(workspace, legacy.url, prefix="cli", timeout=5, sessions=ServerSessions.CLIENT)
        tenants.add_server(workspace, legacy.url, prefix="now", timeout=1)
        tenants.add_server(workspace, modern.url, prefix="mod", timeout=5)
        gateway.start()
        yield Stage(gateway, legacy, modern, tenants.add_token(workspace), tenants.add_token(workspace))
        gateway.stop()
    engine.dispose()
