"""A workspace with a server of each era, `leg` and `mod`, behind a gateway of two processes, for tests of streams."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.db import make_engine
from common.models import ServerSessions
from tests.cast import make_settings, variables_of
from tests.real.gateway import RealGateway
from tests.real.schema import migrate
from tests.real.speakers import Exchange, LegacySpeaker, ModernSpeaker
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey
from upstream.fake import FakeUpstream

ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
TOOLS_CHANGED, PROMPTS_CHANGED = "notifications/tools/list_changed", "notifications/prompts/list_changed"
UPDATED = "notifications/resources/updated"
# The one resource of each server.
RESOURCES = {"legacy": "test://legacy/a", "modern": "test://modern/a"}


@dataclass(slots=True)
class Town:
    gateway: RealGateway
    tenants: Tenants
    servers: dict[str, FakeUpstream]
    token: str
    redis_url: str

    def modern_client(self) -> ModernSpeaker:
        return ModernSpeaker(self.gateway, "demo", self.token)

    def legacy_client(self, **capabilities: Any) -> LegacySpeaker:
        return LegacySpeaker(self.gateway, "demo", self.token).begin(capabilities)

    def listen(self, id: Any = 1, **wanted: Any) -> Exchange:
        stream = self.modern_client().request("subscriptions/listen", {"notifications": wanted}, id=id)
        stream.wait_for(ACKNOWLEDGED)
        return stream


def a_live_server(era: str) -> FakeUpstream:
    fake = FakeUpstream(era, live=True)
    fake.results["resources/list"] = {"resources": [{"uri": RESOURCES[era], "name": "a"}]}
    return fake


@contextmanager
def a_town(valkey: RealValkey, folder: Path, sessions: ServerSessions = ServerSessions.SHARED) -> Iterator[Town]:
    """`sessions`: who shares one at its servers."""
    database = migrate(f"sqlite:///{folder}/stoa.db")
    engine = make_engine(database)
    tenants = Tenants(engine)
    workspace = tenants.add_workspace("demo")
    redis_url = valkey.empty()
    variables = variables_of(make_settings(database, redis_url)) | {"STOA_RATE_WINDOW": "0.001"}
    gateway = RealGateway(folder, variables, processes=2)
    with a_live_server("legacy") as legacy, a_live_server("modern") as modern:
        tenants.add_server(workspace, legacy.url, prefix="leg", timeout=5, sessions=sessions)
        tenants.add_server(workspace, modern.url, prefix="mod", timeout=5, sessions=sessions)
        gateway.start()
        servers = {"legacy": legacy, "modern": modern}
        yield Town(gateway, tenants, servers, tenants.add_token(workspace), redis_url)
        gateway.stop()
    engine.dispose()
