"""Fixtures that every test may use: real servers, empty databases, and no silent skips."""

import functools
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cast import Cast, assemble, make_settings
from tests.real.postgres import RealPostgres
from tests.real.schema import empty, migrate
from tests.real.valkey import RealValkey
from webapp.resources import Resources, open_resources


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealValkey]:
    """A real Valkey for the whole session; what a test stops, it starts again."""
    server = RealValkey(tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def redis_url(valkey: RealValkey) -> str:
    """The URL of an empty Valkey."""
    return valkey.empty()


@pytest.fixture(scope="session")
def postgres() -> Iterator[RealPostgres]:
    with RealPostgres() as server:
        yield server


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/stoa.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty database, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        return request.getfixturevalue("sqlite_url")
    return request.getfixturevalue("postgres").create_database()


@pytest.fixture(scope="session")
def schema(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Migrates one database of each kind, once, to be copied or emptied for each test."""

    @functools.cache
    def migrated(kind: str) -> str:
        if kind == "sqlite":
            return migrate(f"sqlite:///{tmp_path_factory.mktemp('schema')}/stoa.db")
        return migrate(request.getfixturevalue("postgres").create_database())

    return migrated


@pytest.fixture
def migrated_sqlite_url(schema: Callable[[str], str], sqlite_url: str) -> str:
    """A database with the product's schema and nothing in it."""
    shutil.copyfile(schema("sqlite").removeprefix("sqlite:///"), sqlite_url.removeprefix("sqlite:///"))
    return sqlite_url


@pytest.fixture(params=["sqlite", "postgresql"])
def migrated_url(request: pytest.FixtureRequest, schema: Callable[[str], str]) -> str:
    """The same, on SQLite and on PostgreSQL in turn."""
    if request.param == "sqlite":
        return request.getfixturevalue("migrated_sqlite_url")
    return empty(schema("postgresql"))


@pytest.fixture
def resources(migrated_url: str, redis_url: str) -> Iterator[Resources]:
    """Database, Redis and keys, as the jobs and the operator have them."""
    opened = open_resources(make_settings(migrated_url, redis_url))
    yield opened
    opened.close()


@pytest.fixture
def cast(resources: Resources) -> Cast:
    """Alice, who owns Acme; Bob, its member; Charlie, a stranger; Dana, a bot's token."""
    return assemble(resources)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    yield from _without_skips()


@pytest.hookimpl(hookwrapper=True)
def pytest_make_collect_report(collector: pytest.Collector) -> Iterator[None]:
    yield from _without_skips()


def _without_skips() -> Iterator[None]:
    """Where STOA_TESTS_NO_SKIPS is set, as in CI, a skip is a failure that says what was missing."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]  # pluggy hands the result into the generator
    if report.skipped and os.environ.get("STOA_TESTS_NO_SKIPS") and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped where nothing may be skipped: {report.longrepr}"
