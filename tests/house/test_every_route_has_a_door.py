"""Every route of the portal stands behind a door that says what it asks for."""

from collections.abc import Iterator

import pytest
from flask import Flask
from werkzeug.routing import Rule

from tests.webapp.portal.conftest import portal_settings
from webapp.app import create_app
from webapp.portal.door import Door

PUBLIC = {
    "health.alive",
    "health.ready",
    "home.index",
    "users.enter",
    "users.register",
    "users.sign_in",
    "users.sign_out",
    "users.sign_up",
}


@pytest.fixture
def app() -> Iterator[Flask]:
    """Made without a database and without Redis: making it connects to nothing."""
    app = create_app(portal_settings("sqlite://", "redis://127.0.0.1:1"))
    yield app
    app.extensions["stoa"].close()


def routes(app: Flask) -> Iterator[tuple[Rule, Door]]:
    for rule in app.url_map.iter_rules():
        if rule.endpoint != "static":
            door = getattr(app.view_functions[rule.endpoint], "door", None)
            assert isinstance(door, Door), f"{rule.endpoint} has no door"
            yield rule, door


def test_every_route_has_a_door(app: Flask) -> None:
    assert len(list(routes(app))) > len(PUBLIC)


def test_the_public_ones_are_these(app: Flask) -> None:
    assert {rule.endpoint for rule, door in routes(app) if door.public} == PUBLIC


def test_whatever_names_a_workspace_or_an_account_asks_for_a_permission(app: Flask) -> None:
    for rule, door in routes(app):
        names_something = {"workspace_id", "account_id"} & rule.arguments
        assert bool(names_something) == (door.permission is not None), rule.endpoint


def test_a_page_that_is_shown_again_asks_for_no_more_than_the_form_that_it_shows(app: Flask) -> None:
    for rule, door in routes(app):
        if door.again is not None:
            assert isinstance(getattr(door.again, "door", None), Door), rule.endpoint
