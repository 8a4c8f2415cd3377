"""Security headers and cookies."""

import re

import pytest
from flask import Flask

from tests.webapp.portal.browser import Browser
from tests.webapp.portal.conftest import portal_settings
from webapp.app import create_app
from webapp.portal.errors import PAGES

ADDRESSES = ["/", "/sign-in", "/sign-up", "/nowhere", "/workspaces", "/static/css/stoa.css", "/healthz"]
TONES = {"", "good", "bad", "wait", "alert", "status"}


@pytest.mark.parametrize("path", ADDRESSES)
def test_every_answer_carries_the_security_headers(alice: Browser, path: str) -> None:
    headers = alice.get(path).headers
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "Strict-Transport-Security" not in headers


def test_the_nonce_is_fresh_in_each_answer_and_on_each_script(visitor: Browser) -> None:
    seen = set()
    for _ in range(3):
        answer = visitor.get("/sign-in")
        found = re.search(r"script-src 'nonce-([\w-]+)'", answer.headers["Content-Security-Policy"])
        assert found is not None
        assert len(re.findall(r"<script ", answer.text)) == answer.text.count(f'nonce="{found[1]}"') > 0
        seen.add(found[1])
    assert len(seen) == 3


def test_no_page_has_inline_script_or_style_or_a_third_party(alice: Browser, place: str) -> None:
    for path in ("/workspaces", "/settings", place, f"{place}/tokens", f"{place}/servers/new", f"{place}/delete"):
        text = alice.get(path).text
        assert not re.search(r"<script(?![^>]* src=)", text)
        assert not re.search(r"<style|\sstyle=|\son\w+=", text)
        assert not re.search(r'(?:src|href|action)="(?:https?:)?//', text)


def test_pages_are_not_stored_and_assets_are_kept_for_ever(alice: Browser) -> None:
    page = alice.get("/workspaces")
    assert page.headers["Cache-Control"] == "no-store"
    sheets = re.findall(r'href="(/static/[^"]+\.css\?v=\w+)"', page.text)
    assert len(sheets) == 3
    for sheet in sheets:
        answer = alice.get(sheet)
        assert answer.status_code == 200
        assert "immutable" in answer.headers["Cache-Control"]


def test_the_sprite_holds_the_icons_that_are_named_and_no_others(app: Flask) -> None:
    sprite = Browser(app).get("/static/vendor/icons.svg").text
    there = set(re.findall(r'<symbol id="([\w-]+)"', sprite))
    named = {shown.icon for shown in PAGES.values()}
    for name in app.jinja_env.list_templates():
        source = app.jinja_env.loader.get_source(app.jinja_env, name)[0]  # type: ignore[union-attr]  # Flask has one
        calls = re.findall(r"(?:icon|empty|notice)\(([^)]*)\)", source)
        named |= {word for call in calls for word in re.findall(r'"([\w-]+)"', call)} - TONES
    assert named == there


def test_over_https_the_cookie_is_bound_to_the_host_and_the_transport_is_strict(
    migrated_sqlite_url: str, redis_url: str
) -> None:
    app = create_app(portal_settings(migrated_sqlite_url, redis_url, portal_url="https://portal.test"))
    answer = app.test_client().get("/sign-in", base_url="https://portal.test")
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-stoa=")
    for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
        assert part in cookie
    assert "Domain=" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=")
    app.extensions["stoa"].close()
