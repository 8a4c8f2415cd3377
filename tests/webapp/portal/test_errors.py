"""Errors as pages."""

import pytest
from flask import Flask

from tests.webapp.portal.browser import Browser, words


def test_an_address_that_does_not_exist_is_404_for_everybody(alice: Browser, visitor: Browser) -> None:
    for browser in (alice, visitor):
        for path in ("/nowhere", "/.well-known/oauth-protected-resource", "/register", "/workspaces/", "/static/x.css"):
            answer = browser.get(path)
            assert answer.status_code == 404, path
            assert "Not found" in words(answer)


def test_a_form_that_is_too_large_is_413(alice: Browser) -> None:
    answer = alice.post("/accounts/new", name="x" * 200_000)
    assert answer.status_code == 413
    assert "Too much at once" in words(answer)


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "multipart/form-data", ""])
def test_a_body_that_is_no_form_is_refused(alice: Browser, kind: str) -> None:
    answer = alice.client.post("/accounts/new", data=b'{"name": "Acme"}', content_type=kind)
    assert answer.status_code == 400


def test_what_nobody_expected_is_500_and_says_nothing_but_the_request(app: Flask, alice: Browser) -> None:
    app.extensions["stoa"].engine.dispose()
    with app.extensions["stoa"].engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE workspace_members RENAME TO elsewhere")
    answer = alice.get("/workspaces")
    assert answer.status_code == 500
    assert "Something broke on our side" in words(answer)
    for secret in ("sqlite", "workspace_members", "Traceback"):
        assert secret not in answer.text
