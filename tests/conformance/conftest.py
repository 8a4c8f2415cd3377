"""The fixture in each era, and gateways in front of it and of whatever else a test adds."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from common.db import make_engine
from common.models import ServerSessions
from local.ports import free_port
from tests.cast import make_settings, variables_of
from tests.conformance.eras import Era
from tests.real.gateway import RealGateway
from tests.real.processes import RealProcess
from tests.real.schema import migrate
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey


class Stand:
    """A database with workspaces, and gateways in front of it that all serve the same ones."""

    def __init__(self, folder: Path, redis_url: str) -> None:
        self._folder = folder
        database = migrate(f"sqlite:///{folder}/stoa.db")
        self._engine = make_engine(database)
        self._tenants = Tenants(self._engine)
        # None of this is about the rate: a window of a millisecond is always empty again.
        self._variables = variables_of(make_settings(database, redis_url)) | {"STOA_RATE_WINDOW": "0.001"}

    def add_workspace(self, slug: str, server_url: str, sessions: ServerSessions = ServerSessions.SHARED) -> str:
        """A token for a workspace with this server alone, under no prefix."""
        workspace = self._tenants.add_workspace(slug)
        self._tenants.add_server(workspace, server_url, sessions=sessions)
        return self._tenants.add_token(workspace)

    def gateway(self, processes: int = 1) -> RealGateway:
        """One that is yet to be started."""
        # What the suite serves stands at localhost, of which the machine may have two addresses.
        private = {"STOA_ALLOW_PRIVATE_UPSTREAMS": "127.0.0.0/8,::1/128"}
        return RealGateway(self._folder, self._variables | private, processes=processes)

    def close(self) -> None:
        self._engine.dispose()


@contextmanager
def official_server(era: Era, folder: Path) -> Iterator[str]:
    """The URL of the fixture, as a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    command = [sys.executable, "-m", "tests.conformance.fixture", "--port", str(port), "--era", era]
    server = RealProcess(command, {}, folder / f"fixture-{era}.log", url)
    server.start()
    yield url
    server.stop()


@pytest.fixture(scope="module")
def both_eras(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with official_server("both", tmp_path_factory.mktemp("both")) as url:
        yield url


@pytest.fixture(scope="module")
def legacy_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with official_server("legacy", tmp_path_factory.mktemp("legacy")) as url:
        yield url


@pytest.fixture(scope="module")
def modern_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with official_server("modern", tmp_path_factory.mktemp("modern")) as url:
        yield url


@pytest.fixture(scope="module")
def stand(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    stand = Stand(tmp_path_factory.mktemp("stand"), valkey.empty())
    yield stand
    stand.close()
