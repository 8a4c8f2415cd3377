"""A real gateway in front of fake upstreams, shared by the tests of a file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from common.db import make_engine
from tests.cast import make_settings, variables_of
from tests.real.gateway import Answer, RealGateway
from tests.real.schema import migrate
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey
from upstream.eras import MODERN_VERSION
from upstream.fake import FakeUpstream

META = {
    "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}


@dataclass(slots=True)
class Rig:
    """One workspace `demo` with a legacy server (`leg`) and a modern one (`mod`), and a token with room for a file."""

    gateway: RealGateway
    tenants: Tenants
    legacy: FakeUpstream
    modern: FakeUpstream
    token: str

    def legacy_call(self, method: str, params: Any = None, *, id: Any = 1, **headers: str) -> Answer:
        message = {"jsonrpc": "2.0", "id": id, "method": method, **({} if params is None else {"params": params})}
        return self.gateway.post("demo", self.token, message, headers)

    def modern_call(self, method: str, params: Any = None, *, id: Any = 1, **headers: str) -> Answer:
        params = {"_meta": META, **(params or {})}
        message = {"jsonrpc": "2.0", "id": id, "method": method, "params": params}
        mirrored = {"MCP-Protocol-Version": MODERN_VERSION, "Mcp-Method": method}
        named = params.get("name", params.get("uri"))
        if named is not None:
            mirrored["Mcp-Name"] = named
        return self.gateway.post("demo", self.token, message, {**mirrored, **headers})


@pytest.fixture(scope="module")
def rig(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    folder: Path = tmp_path_factory.mktemp("gateway")
    database = migrate(f"sqlite:///{folder}/stoa.db")
    engine = make_engine(database)
    tenants = Tenants(engine)
    workspace = tenants.add_workspace("demo")
    gateway = RealGateway(
        folder,
        # These tests are not about the rate: a window of a millisecond is always empty again.
        variables_of(make_settings(database, valkey.empty())) | {"STOA_RATE_WINDOW": "0.001"},
    )
    with FakeUpstream("legacy") as legacy, FakeUpstream("modern") as modern:
        tenants.add_server(workspace, legacy.url, prefix="leg", headers=[("X-Key", "k3y")], timeout=2)
        tenants.add_server(workspace, modern.url, prefix="mod", timeout=2)
        gateway.start()
        yield Rig(gateway, tenants, legacy, modern, tenants.add_token(workspace))
        gateway.stop()
    engine.dispose()
