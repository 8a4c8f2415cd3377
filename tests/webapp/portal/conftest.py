"""The portal in front of a real database and a real Valkey, and the cast, each with a browser of their own."""

from collections.abc import Iterator

import pytest
from flask import Flask
from jinja2 import BytecodeCache, FileSystemBytecodeCache

from tests.cast import Cast, assemble, make_settings
from tests.webapp.portal.browser import Browser
from webapp.app import create_app
from webapp.settings import PortalSettings

SECRET_KEY = "only-for-tests-only-for-tests-only"


def portal_settings(database_url: str, redis_url: str, **changes: object) -> PortalSettings:
    return make_settings(database_url, redis_url, PortalSettings, secret_key=SECRET_KEY, **changes)


@pytest.fixture
def settings(migrated_sqlite_url: str, redis_url: str) -> PortalSettings:
    return portal_settings(migrated_sqlite_url, redis_url)


@pytest.fixture(scope="session")
def compiled_templates(tmp_path_factory: pytest.TempPathFactory) -> BytecodeCache:
    """Each test has an app of its own; the templates of all are compiled once."""
    return FileSystemBytecodeCache(str(tmp_path_factory.mktemp("templates")))


@pytest.fixture
def app(settings: PortalSettings, compiled_templates: BytecodeCache) -> Iterator[Flask]:
    app = create_app(settings)
    app.jinja_env.bytecode_cache = compiled_templates
    yield app
    app.extensions["stoa"].close()


@pytest.fixture
def cast(app: Flask) -> Cast:
    return assemble(app.extensions["stoa"])


@pytest.fixture
def alice(app: Flask, cast: Cast) -> Browser:
    return Browser(app).sign_in(cast.alice)


@pytest.fixture
def bob(app: Flask, cast: Cast) -> Browser:
    return Browser(app).sign_in(cast.bob)


@pytest.fixture
def charlie(app: Flask, cast: Cast) -> Browser:
    return Browser(app).sign_in(cast.charlie)


@pytest.fixture
def visitor(app: Flask, cast: Cast) -> Browser:
    """Somebody who has not signed in."""
    return Browser(app)


@pytest.fixture
def place(cast: Cast) -> str:
    """The address of the workspace."""
    return f"/workspaces/{cast.workspace.id}"
