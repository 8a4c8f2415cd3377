"""The pages of servers."""

import re
import socket
from collections.abc import Iterator

import pytest
from flask import Flask

from common.models import Server
from tests.cast import Cast
from tests.webapp.portal.browser import Browser, words
from upstream.fake import FakeUpstream
from webapp.app import TRIES_AT_ONCE
from webapp.services.servers import TOOLS_KEPT


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as upstream:
        yield upstream


def add(browser: Browser, place: str, url: str, **form: str):
    return browser.post(
        f"{place}/servers/new", **{"name": "Fake", "prefix": "fake", "url": url, "auth": "none", **form}
    )


def servers(cast: Cast) -> list[Server]:
    with cast.session() as session:
        found = list(session.query(Server))
        session.expunge_all()
    return found


def test_an_empty_page_says_what_to_do_next(alice: Browser, bob: Browser, place: str) -> None:
    assert "Add a server" in words(alice.get(f"{place}/servers"))
    assert "Add a server" not in words(bob.get(f"{place}/servers"))


def test_a_server_is_tried_added_and_listed_with_its_tools(alice: Browser, place: str, upstream: FakeUpstream) -> None:
    said = words(alice.follow(add(alice, place, upstream.url)))
    assert "Fake answered with 1 tool and is added." in said
    assert "fake__echo" in said
    assert "enabled" in said


def test_a_bearer_token_is_sent_to_the_server_and_shown_nowhere(
    cast: Cast, alice: Browser, place: str, upstream: FakeUpstream
) -> None:
    page = alice.follow(add(alice, place, upstream.url, auth="bearer", bearer="tok-4711"))
    assert "bearer token kept sealed" in words(page)
    assert any(value == "Bearer tok-4711" for request in upstream.requests for value in request.headers.values())
    for path in (f"{place}/servers", place, f"{place}/activity"):
        assert "tok-4711" not in alice.get(path).text
    assert b"tok-4711" not in (servers(cast)[0].credentials or b"")


def test_headers_are_sent_as_they_were_named(alice: Browser, place: str, upstream: FakeUpstream) -> None:
    form = {
        "auth": "headers",
        "header_1": "X-Api-Key",
        "value_1": "k-1",
        "header_3": "X-Org",
        "value_3": "acme",
    }
    assert add(alice, place, upstream.url, **form).status_code == 303
    sent = {name.lower(): value for name, value in upstream.requests[-1].headers.items()}
    assert (sent["x-api-key"], sent["x-org"]) == ("k-1", "acme")


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ({}, "shared session"),
        ({"sessions": "token"}, "session per token"),
        ({"sessions": "client"}, "session per client"),
    ],
)
def test_who_shares_a_session_is_chosen_and_shown(
    cast: Cast, alice: Browser, bob: Browser, place: str, upstream: FakeUpstream, form: dict[str, str], said: str
) -> None:
    assert said in words(alice.follow(add(alice, place, upstream.url, **form)))
    assert said in words(bob.get(f"{place}/servers"))
    assert servers(cast)[0].sessions == form.get("sessions", "shared")


def test_a_refused_form_keeps_the_chosen_sessions(alice: Browser, place: str) -> None:
    answer = add(alice, place, "no address", sessions="client")
    assert re.findall(r'<input checked[^>]*name="sessions"[^>]*value="(\w+)"', answer.text) == ["client"]


@pytest.mark.parametrize(
    ("form", "field"),
    [
        ({"url": "no address"}, "url"),
        ({"url": ""}, "url"),
        ({"url": "ftp://127.0.0.1/mcp"}, "url"),
        ({"url": "http://10.0.0.1/mcp"}, "url"),
        ({"url": "http://169.254.169.254/latest"}, "url"),
        ({"name": ""}, "name"),
        ({"prefix": "Git Hub"}, "prefix"),
        ({"prefix": "x" * 17}, "prefix"),
        ({"auth": "magic"}, "auth"),
        ({"sessions": "everybody"}, "sessions"),
        ({"auth": "bearer", "bearer": ""}, "bearer"),
        ({"auth": "bearer", "bearer": "two words"}, "bearer"),
    ],
)
def test_what_does_not_fit_is_told_at_its_field_and_nothing_is_added(
    cast: Cast, alice: Browser, place: str, upstream: FakeUpstream, form: dict[str, str], field: str
) -> None:
    answer = add(alice, place, **{"url": upstream.url, **form})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert servers(cast) == []


@pytest.mark.parametrize(
    "form",
    [
        {"header_1": "X-Api-Key", "value_1": ""},
        {"header_1": "X Key", "value_1": "v"},
        {"header_1": "Host", "value_1": "v"},
        {"header_1": "X-Key", "value_1": "v\r\nX-More: 1"},
        {},
    ],
)
def test_headers_that_make_no_sense_are_refused(
    cast: Cast, alice: Browser, place: str, upstream: FakeUpstream, form: dict[str, str]
) -> None:
    answer = add(alice, place, upstream.url, auth="headers", **form)
    assert answer.status_code == 422
    assert servers(cast) == []


def test_a_server_that_refuses_is_told_so_and_the_form_keeps_all_but_the_secret(
    cast: Cast, alice: Browser, place: str
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    answer = add(alice, place, f"http://127.0.0.1:{port}/mcp", auth="bearer", bearer="tok-4711")
    assert answer.status_code == 422
    assert "refused the connection" in words(answer)
    assert 'value="Fake"' in answer.text
    assert "tok-4711" not in answer.text
    assert "type them again" in words(answer)
    assert servers(cast) == []


def test_the_same_server_twice_and_a_prefix_twice_are_refused(
    alice: Browser, place: str, upstream: FakeUpstream
) -> None:
    add(alice, place, upstream.url)
    twice = add(alice, place, upstream.url, prefix="other")
    assert twice.status_code == 409
    assert 'id="url-problem"' in twice.text
    taken = add(alice, place, f"{upstream.url}/b")
    assert taken.status_code == 409
    assert 'id="prefix-problem"' in taken.text


def test_at_the_limit_the_page_shows_an_upgrade_prompt(alice: Browser, place: str, upstream: FakeUpstream) -> None:
    for number in range(5):
        assert add(alice, place, f"{upstream.url}/{number}", prefix=f"s{number}").status_code == 303
    answer = add(alice, place, f"{upstream.url}/5", prefix="s5")
    assert answer.status_code == 403
    assert "5 of 5 servers" in words(answer)


def test_a_server_is_disabled_with_a_receipt_enabled_and_removed(
    cast: Cast, alice: Browser, place: str, upstream: FakeUpstream
) -> None:
    add(alice, place, upstream.url)
    path = f"{place}/servers/{servers(cast)[0].id}"
    told = words(alice.follow(alice.post(f"{path}/disable")))
    assert "Fake is disabled. Confirmed at" in told
    assert "Calls of this server that were under way end now." in told
    assert "No call or stream was open." not in told, "the count is the workspace's, not the server's"
    assert "not yet confirmed" not in words(alice.follow(alice.post(f"{path}/disable")))
    assert not servers(cast)[0].enabled
    assert "Fake is enabled" in words(alice.follow(alice.post(f"{path}/enable")))
    assert "Remove Fake?" in words(alice.get(f"{path}/remove"))
    told = words(alice.follow(alice.post(f"{path}/remove")))
    assert "Fake is removed. Confirmed at" in told
    assert "Calls of this server that were under way end now." in told
    assert servers(cast) == []


def test_trying_again_keeps_the_last_list_and_says_what_is_wrong(cast: Cast, alice: Browser, place: str) -> None:
    with FakeUpstream() as upstream:
        add(alice, place, upstream.url)
        path = f"{place}/servers/{servers(cast)[0].id}/probe"
        assert "Fake answered." in words(alice.follow(alice.post(path)))
    said = words(alice.follow(alice.post(path)))
    assert "Fake did not answer as it should." in said
    assert "failing" in said
    assert "fake__echo" in said


def test_a_query_that_may_hold_a_key_is_shown_to_writers_only(
    alice: Browser, bob: Browser, place: str, upstream: FakeUpstream
) -> None:
    add(alice, place, f"{upstream.url}?key=hidden")
    assert "key=hidden" in alice.get(f"{place}/servers").text
    assert upstream.url in bob.get(f"{place}/servers").text
    assert "key=hidden" not in bob.get(f"{place}/servers").text


def test_while_many_servers_are_tried_another_one_is_told_to_wait(
    app: Flask, cast: Cast, alice: Browser, place: str, upstream: FakeUpstream
) -> None:
    turns = app.extensions["tries"]
    for _ in range(TRIES_AT_ONCE):
        turns.acquire()
    answer = add(alice, place, upstream.url)
    assert (answer.status_code, servers(cast)) == (503, [])
    assert answer.headers["Retry-After"]
    turns.release()
    assert add(alice, place, upstream.url).status_code == 303
    assert turns.acquire(blocking=False), "the turn was given back"


def test_of_a_list_that_was_cut_no_page_claims_to_know_the_length(cast: Cast, alice: Browser, place: str) -> None:
    tools = [{"name": f"t{number}", "inputSchema": {"type": "object"}} for number in range(TOOLS_KEPT + 1)]
    with FakeUpstream(tools=tools) as upstream:
        assert "Fake answered with 1,000+ tools and is added." in words(alice.follow(add(alice, place, upstream.url)))
    for page in (place, f"{place}/servers", f"{place}/servers/{servers(cast)[0].id}/remove"):
        said = words(alice.get(page))
        assert "1,000+ tools" in said
        assert "1000 tools" not in said
