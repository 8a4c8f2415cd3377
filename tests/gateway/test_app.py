"""The gateway as its clients see it: one process, two servers of different eras behind it."""

import json
import socket
import threading
from typing import Any

import pytest
from redis import Redis

from common import clock, redis_keys, tokens
from gateway.app import NOTIFICATIONS_AT_ONCE
from tests.gateway.conftest import META, Rig
from tests.real.valkey import RealValkey
from tests.waiting import until
from upstream.eras import META_SERVER, MODERN_VERSION
from upstream.fake_faults import hang, html, progress, status, wrong_id
from upstream.fake_turns import Turn

ECHO = {"name": "leg__echo", "arguments": {"text": "hello"}}
SAID = '{"text":"hello"}'


def test_a_legacy_client_shakes_hands_and_lists(rig: Rig):
    opened = rig.legacy_call("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}})
    assert opened.body["result"]["protocolVersion"] == "2025-06-18"
    assert opened.body["result"]["serverInfo"]["name"] == "stoa"
    listed = rig.legacy_call("tools/list").body["result"]
    assert [tool["name"] for tool in listed["tools"]] == ["leg__echo", "mod__echo"]
    assert set(listed) == {"tools"}


@pytest.mark.parametrize("version", ["1999-01-01", "2026-07-28", "2099-01-01"])
def test_a_revision_without_a_handshake_is_answered_with_the_latest_that_has_one(rig: Rig, version: str):
    opened = rig.legacy_call("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {}})
    assert opened.body["result"]["protocolVersion"] == "2025-11-25"


def test_a_modern_client_discovers_and_lists(rig: Rig):
    found = rig.modern_call("server/discover").body["result"]
    assert found["supportedVersions"] == [MODERN_VERSION]
    assert found["resultType"] == "complete"
    listed = rig.modern_call("tools/list").body["result"]
    assert [tool["name"] for tool in listed["tools"]] == ["leg__echo", "mod__echo"]
    assert (listed["cacheScope"], listed["resultType"]) == ("private", "complete")
    assert listed["ttlMs"] == 0  # a legacy server does not say for how long its list may be kept


@pytest.mark.parametrize("name", ["leg__echo", "mod__echo"])
def test_a_call_reaches_a_server_of_either_era(rig: Rig, name: str):
    params = {"name": name, "arguments": {"text": "hello"}}
    legacy = rig.legacy_call("tools/call", params, id="a").body
    assert legacy["id"] == "a"
    assert legacy["result"]["content"][0]["text"] == SAID
    assert set(legacy["result"]) == {"content", "isError"}
    modern = rig.modern_call("tools/call", params, id=7).body
    assert modern["id"] == 7
    assert modern["result"]["content"][0]["text"] == SAID
    assert modern["result"]["_meta"][META_SERVER]["name"] == "stoa"


def test_nothing_of_the_caller_s_headers_goes_upstream(rig: Rig):
    sent = {"Cookie": "a=b", "X-Forwarded-For": "1.2.3.4", "Mcp-Session-Id": "mine", "X-Api-Key": "secret"}
    rig.legacy_call("tools/call", ECHO, **sent)
    received = rig.legacy.last("tools/call").headers
    assert not {"cookie", "x-forwarded-for", "x-api-key", "authorization"} & set(received)
    assert received["mcp-session-id"] != "mine"
    assert received["x-key"] == "k3y"


def test_arguments_and_odd_members_arrive_as_they_were_sent(rig: Rig):
    arguments = b'{"n":1.50,"b":12345678901234567890123}'
    body = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"leg__echo","arguments":%b}}' % arguments
    rig.gateway.post("demo", rig.token, body)
    assert arguments in rig.legacy.last("tools/call").body


def test_progress_is_streamed_under_the_client_s_own_token(rig: Rig):
    rig.legacy.script("tools/call", progress(0, 50, 100))
    answer = rig.legacy_call("tools/call", {**ECHO, "_meta": {"progressToken": 77}}, id="p")
    assert answer.headers["content-type"] == "text/event-stream"
    events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith("data: ")]
    assert [event["params"]["progress"] for event in events[:-1]] == [0, 50, 100]
    assert {event["params"]["progressToken"] for event in events[:-1]} == {77}
    assert (events[-1]["id"], events[-1]["result"]["content"][0]["text"]) == ("p", "done")
    assert rig.legacy.last("tools/call").params["_meta"]["progressToken"] != 77


def test_progress_that_nobody_asked_for_is_not_passed_on_and_the_answer_is_json(rig: Rig):
    rig.legacy.script("tools/call", progress(0, 50, 100))
    answer = rig.legacy_call("tools/call", ECHO)
    assert answer.headers["content-type"] == "application/json"
    assert answer.body["result"]["content"][0]["text"] == "done"


@pytest.mark.parametrize(
    ("act", "word"),
    [
        (html, "web page"),
        (wrong_id, "another request"),
        (status(500), "failed (500)"),
        (status(401), "refused the credentials"),
        (status(429, retry_after="7"), "7 s"),
        (hang, "in time"),
    ],
)
def test_a_server_that_fails_is_a_result_that_the_model_can_act_on(rig: Rig, act: Any, word: str):
    rig.legacy.script("tools/call", act)
    answer = rig.legacy_call("tools/call", ECHO)
    assert answer.status == 200
    assert answer.body["result"]["isError"] is True
    assert word in answer.body["result"]["content"][0]["text"]
    assert "leg" in answer.body["result"]["content"][0]["text"]


def test_an_unknown_tool_and_a_bad_cursor_are_invalid_params(rig: Rig):
    assert rig.legacy_call("tools/call", {"name": "leg__nothing"}).body["error"]["code"] == -32602
    assert rig.legacy_call("tools/list", {"cursor": "x"}).body["error"]["code"] == -32602


def test_an_unknown_method_says_so_in_each_era_s_way(rig: Rig):
    legacy, modern = rig.legacy_call("no/such"), rig.modern_call("no/such")
    assert (legacy.status, legacy.body["error"]["code"]) == (200, -32601)
    assert (modern.status, modern.body["error"]["code"]) == (404, -32601)
    for removed in ("initialize", "ping", "logging/setLevel"):
        assert rig.modern_call(removed).status == 404


def test_a_notification_is_accepted_with_an_empty_answer(rig: Rig):
    answer = rig.gateway.post("demo", rig.token, {"jsonrpc": "2.0", "method": "notifications/initialized"})
    assert (answer.status, answer.body) == (202, "")


def test_a_flood_of_notifications_is_refused(rig: Rig):
    token = rig.tenants.add_token(rig.tenants.add_workspace("flood"))
    message = {"jsonrpc": "2.0", "method": "notifications/x"}
    statuses = [rig.gateway.post("flood", token, message).status for _ in range(NOTIFICATIONS_AT_ONCE * 2)]
    assert statuses[0] == 202
    assert 429 in statuses


def test_every_reason_for_401_looks_alike(rig: Rig):
    other = rig.tenants.add_token(rig.tenants.add_workspace("other"))
    message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    foreign = rig.gateway.post("demo", other, message)
    unknown = rig.gateway.post("demo", tokens.mint().plaintext, message)
    nowhere = rig.gateway.post("no-such-workspace", rig.token, message)
    for answer in (foreign, unknown, nowhere):
        assert answer.status == 401
        assert answer.headers["www-authenticate"] == 'Bearer realm="stoa", error="invalid_token"'
        assert "resource_metadata" not in answer.headers["www-authenticate"]
        assert (answer.body, set(answer.headers)) == (foreign.body, set(foreign.headers))
    garbage = rig.gateway.post("demo", "mwt_nonsense", message)
    assert (garbage.status, garbage.body["error"]) == (401, foreign.body["error"])


def test_a_token_in_the_query_string_opens_nothing(rig: Rig):
    headers = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    answer = rig.gateway.send("POST", f"/ws/demo?token={rig.token}&access_token={rig.token}", b"{}", headers)
    assert answer.status == 401


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"Content-Type": "text/plain"}, 415),
        ({"Content-Type": ""}, 415),
        ({"Accept": "application/json"}, 406),
        ({"Accept": ""}, 406),
        ({"Accept": "*/*"}, 200),
        ({"Origin": "https://evil.example"}, 403),
        ({"Origin": "null"}, 403),
    ],
)
def test_media_types_and_origins_are_held_to(rig: Rig, headers: dict[str, str], expected: int):
    answer = rig.gateway.post("demo", rig.token, {"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers)
    assert answer.status == expected
    assert answer.body["jsonrpc"] == "2.0"


def test_a_browser_of_our_own_origin_is_let_in(rig: Rig):
    answer = rig.gateway.send("OPTIONS", "/ws/demo", headers={"Origin": rig.gateway.url})
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == rig.gateway.url
    assert "mcp-protocol-version" in answer.headers["access-control-allow-headers"]


@pytest.mark.parametrize(
    "path",
    [
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/ws/demo",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration/ws/demo",
        "/ws/demo/.well-known/openid-configuration",
        "/register",
        "/authorize",
        "/token",
        "/",
        "/ws/",
        "/ws/demo/",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_what_is_not_here_is_a_json_404_or_401(rig: Rig, path: str, method: str):
    answer = rig.gateway.send(method, path, b"{}" if method == "POST" else None)
    assert answer.status == (401 if path == "/ws/" else 404)
    assert answer.body["jsonrpc"] == "2.0"


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT", "PATCH"])
def test_other_verbs_are_not_allowed_here(rig: Rig, method: str):
    answer = rig.gateway.send(method, "/ws/demo", headers={"Authorization": f"Bearer {rig.token}"})
    assert (answer.status, answer.headers["allow"]) == (405, "POST, OPTIONS")


def test_a_body_over_the_limit_is_refused(rig: Rig):
    head = f"POST /ws/demo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rig.token}\r\nAccept: */*\r\n"
    head += f"Content-Type: application/json\r\nContent-Length: {5 << 20}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", rig.gateway.port)) as client:
        client.sendall(head.encode())
        assert client.recv(64).startswith(b"HTTP/1.1 413 ")


def test_a_chunked_body_is_held_to_the_same_limit(rig: Rig):
    head = f"POST /ws/demo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rig.token}\r\nAccept: */*\r\n"
    head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    with socket.create_connection(("127.0.0.1", rig.gateway.port)) as client:
        client.sendall(head.encode() + b"500000\r\n")
        assert client.recv(64).startswith(b"HTTP/1.1 413 ")


def test_health_and_readiness_are_told(rig: Rig):
    assert rig.gateway.send("GET", "/healthz").body == {"status": "alive"}
    until(lambda: rig.gateway.send("GET", "/readyz").status == 200)
    ready = {"status": "ready", "redis": True, "records": True, "serving": True}
    assert rig.gateway.send("GET", "/readyz").body == ready


def test_closing_the_connection_cancels_a_modern_call(rig: Rig, valkey: RealValkey):
    rig.modern.script("tools/call", hang)
    before = rig.modern.count("tools/call")
    message = json.dumps(
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "mod__echo", "_meta": META}}
    ).encode()
    head = (
        f"POST /ws/demo HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {rig.token}\r\nAccept: */*\r\n"
        f"Content-Type: application/json\r\nMCP-Protocol-Version: {MODERN_VERSION}\r\nMcp-Method: tools/call\r\n"
        f"Mcp-Name: mod__echo\r\nContent-Length: {len(message)}\r\n\r\n"
    ).encode()
    with socket.create_connection(("127.0.0.1", rig.gateway.port)) as client:
        client.sendall(head + message)
        until(lambda: rig.modern.count("tools/call") > before)
    with Redis.from_url(valkey.url) as client:
        calls = redis_keys.calls(redis_keys.shard("demo"))
        until(lambda: "client_gone" in repr(client.xrange(calls)), seconds=5)


def test_a_server_that_floods_a_stream_does_not_hold_up_the_others(rig: Rig):
    def flood(turn: Turn) -> None:
        turn.begin_stream()
        deadline = clock.monotonic() + 2
        while clock.monotonic() < deadline:
            turn.write_chunk(b":\n" * 30_000)
        turn.end_stream()

    rig.legacy.script("tools/call", flood)
    before = rig.legacy.count("tools/call")
    call = threading.Thread(target=rig.legacy_call, args=("tools/call", ECHO))
    call.start()
    until(lambda: rig.legacy.count("tools/call") > before)
    slowest = 0.0
    while call.is_alive():
        began = clock.monotonic()
        assert rig.gateway.send("GET", "/healthz").status == 200
        slowest = max(slowest, clock.monotonic() - began)
    call.join()
    assert slowest < 1.0


def test_a_server_that_wants_to_ask_its_client_is_told_in_each_era_s_way(rig: Rig):
    def ask(turn: Turn) -> None:
        turn.refuse(400, -32021, "needs sampling", data={"requiredCapabilities": {"sampling": {}}})

    rig.modern.script("tools/call", ask, ask)
    params = {"name": "mod__echo", "arguments": {}}
    modern = rig.modern_call("tools/call", params)
    assert (modern.status, modern.body["error"]["code"]) == (400, -32021)
    assert modern.body["error"]["data"] == {"requiredCapabilities": {"sampling": {}}}
    legacy = rig.legacy_call("tools/call", params)
    assert (legacy.status, legacy.body["result"]["isError"]) == (200, True)
    assert "has to ask" in legacy.body["result"]["content"][0]["text"]


def test_a_name_without_end_is_refused(rig: Rig):
    assert rig.legacy_call("tools/call", {"name": "x" * 100_000}).body["error"]["code"] == -32602
