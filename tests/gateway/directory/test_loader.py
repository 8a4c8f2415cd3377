"""The loader reads a workspace as it is in the database, and says so when there is none to read."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine

from common.db import make_engine
from common.models import Server as ServerRow
from common.models import ServerSessions
from gateway.directory.loader import DirectoryUnavailable, Loader
from gateway.directory.snapshots import Server, Snapshot
from tests.real.tenants import Tenants


@pytest.fixture
def engine(migrated_url: str) -> Iterator[Engine]:
    engine = make_engine(migrated_url)
    yield engine
    engine.dispose()


@pytest.fixture
def tenants(engine: Engine) -> Tenants:
    tenants = Tenants(engine)
    tenants.add_workspace("demo")
    return tenants


def read(engine: Engine, slug: str = "demo") -> Snapshot:
    snapshot = Loader(engine).read_snapshot(slug)
    assert snapshot is not None
    return snapshot


def change(tenants: Tenants, **values: object) -> None:
    """The only server there is, changed in the database."""
    with tenants.writing() as session, session.begin():
        row = session.query(ServerRow).one()
        for name, value in values.items():
            setattr(row, name, value)


def only(snapshot: Snapshot) -> Server:
    (server,) = snapshot.servers
    return server


def test_a_snapshot_has_the_enabled_servers_in_the_order_of_their_prefixes(engine: Engine, tenants: Tenants) -> None:
    for prefix in ("time", "git", "notes"):
        tenants.add_server(tenants.workspaces["demo"], f"https://{prefix}.example/mcp", prefix=prefix)
    with tenants.writing() as session, session.begin():
        session.query(ServerRow).where(ServerRow.prefix == "notes").one().enabled = False
    assert [server.prefix for server in read(engine).servers] == ["git", "time"]


@pytest.mark.parametrize("sessions", list(ServerSessions))
def test_a_server_says_who_shares_a_session_of_it(engine: Engine, tenants: Tenants, sessions: ServerSessions) -> None:
    tenants.add_server(tenants.workspaces["demo"], "https://a.example/mcp", sessions=sessions)
    read_as = only(read(engine)).sessions
    assert (read_as, type(read_as)) == (sessions.value, str)


@pytest.mark.parametrize(
    "changed",
    [
        {"url": "https://b.example/mcp"},
        {"credentials": b"sealed"},
        {"connect_timeout": 4},
        {"timeout": 59},
        {"sessions": ServerSessions.CLIENT},
    ],
)
def test_a_server_that_is_reached_in_another_way_has_another_definition(
    engine: Engine, tenants: Tenants, changed: dict[str, object]
) -> None:
    tenants.add_server(tenants.workspaces["demo"], "https://a.example/mcp")
    before = only(read(engine)).definition
    assert only(read(engine)).definition == before
    change(tenants, **changed)
    assert only(read(engine)).definition != before


def test_what_only_people_read_of_a_server_leaves_its_definition(engine: Engine, tenants: Tenants) -> None:
    tenants.add_server(tenants.workspaces["demo"], "https://a.example/mcp")
    before = only(read(engine)).definition
    change(tenants, name="Other", prefix="other", server_name="Other server", probe_error="It did not answer.")
    assert only(read(engine)).definition == before


def test_one_address_in_two_workspaces_is_two_definitions(engine: Engine, tenants: Tenants) -> None:
    tenants.add_workspace("other")
    for slug in ("demo", "other"):
        tenants.add_server(tenants.workspaces[slug], "https://a.example/mcp")
    assert only(read(engine, "demo")).definition != only(read(engine, "other")).definition


def test_of_an_unknown_workspace_there_is_no_snapshot(engine: Engine) -> None:
    assert Loader(engine).read_snapshot("nowhere") is None


def test_a_database_that_cannot_be_read_is_told_apart_from_an_empty_one(sqlite_url: str) -> None:
    engine = make_engine(sqlite_url)
    with pytest.raises(DirectoryUnavailable):
        Loader(engine).read_snapshot("demo")
    engine.dispose()
