"""An Upstream: both eras, lists, calls, and what each misfortune is told as."""

import json
import threading

import msgspec
import pytest

from tests.upstream.servers import ECHO, LOOPBACK, Upstreams, text_of
from tests.waiting import until
from upstream import fake_faults as faults
from upstream.client import probe
from upstream.eras import Era
from upstream.fake import FakeUpstream
from upstream.fake_turns import Turn
from upstream.faults import UpstreamFault
from upstream.parties import NOBODY
from upstream.target import Target


def test_a_server_is_opened_in_its_own_era(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    opened = upstream_at(fake.url).open()
    assert (opened.era, opened.name) == (fake.era, "fake")
    assert opened.protocol_version == ("2026-07-28" if fake.era == "modern" else "2025-11-25")


def test_a_server_of_both_eras_is_spoken_to_in_the_modern_one(upstream_at: Upstreams) -> None:
    with FakeUpstream("both") as fake:
        assert upstream_at(fake.url).open().era is Era.MODERN


def test_arguments_leave_byte_for_byte_as_they_came(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    written = b'{"n":1.10e2, "s" : "\\u00e9\\/", "big":12345678901234567890123, "dup":1,"dup":2}'
    upstream_at(fake.url).call("tools/call", {**ECHO, "arguments": msgspec.Raw(written)}).close()
    assert written in fake.last("tools/call").body


def test_a_call_without_arguments_sends_empty_ones(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream_at(fake.url).call("tools/call", {"name": msgspec.Raw(b'"echo"')}).close()
    assert fake.last("tools/call").params["arguments"] == {}


def test_ids_are_our_own_and_never_repeat(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    for _ in range(3):
        assert text_of(upstream.call("tools/call", ECHO).response()) == '{"text":"hi"}'
    ids = [request.message["id"] for request in fake.requests if "id" in request.message]
    assert len(set(ids)) == len(ids)


def test_calls_share_one_kept_connection(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    for _ in range(5):
        upstream.call("tools/call", ECHO).close()
    assert fake.connections == 1


def test_a_modern_request_carries_its_headers_and_meta(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern") as fake:
        meta = {"traceparent": msgspec.Raw(b'"00-1"'), "io.modelcontextprotocol/clientInfo": msgspec.Raw(b'"evil"')}
        params = {"name": msgspec.Raw('"höhe"'.encode()), "_meta": msgspec.Raw(b'{"left":"out"}')}
        upstream_at(fake.url).call("tools/call", params, meta=meta, capabilities=b'{"sampling":{}}').close()
        request = fake.last("tools/call")
    assert request.headers["mcp-name"] == "=?base64?aMO2aGU=?="
    assert request.params["_meta"] == {
        "traceparent": "00-1",
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientInfo": {"name": "stoa", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {"sampling": {}},
    }


def test_a_legacy_request_carries_its_session_and_nothing_modern(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        meta = {"progressToken": msgspec.Raw(b"7"), "io.modelcontextprotocol/logLevel": msgspec.Raw(b'"debug"')}
        upstream_at(fake.url).call("tools/call", ECHO, meta=meta, capabilities=b"{}").close()
        request = fake.last("tools/call")
    assert request.headers["mcp-session-id"] == "session-1"
    assert request.headers["mcp-protocol-version"] == "2025-11-25"
    assert "mcp-method" not in request.headers
    assert request.params["_meta"] == {"progressToken": 7}


def test_configured_headers_go_with_every_request(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url, headers=(("Authorization", "Bearer s3cret"), ("X-Team", "a b")))
    upstream.list_tools()
    upstream.close()
    assert {request.headers["authorization"] for request in fake.requests} == {"Bearer s3cret"}
    assert {request.headers["x-team"] for request in fake.requests} == {"a b"}


def test_all_pages_of_tools_are_listed_byte_for_byte(upstream_at: Upstreams) -> None:
    tools = [{"name": f"t{n}", "inputSchema": {"$defs": {"x": {}}, "type": "object"}} for n in range(7)]
    with FakeUpstream("both", tools=tools, page_size=3) as fake:
        assert upstream_at(fake.url).list_tools() == [json.dumps(tool).encode() for tool in tools]
        assert fake.count("tools/list") == 3


def test_a_list_that_turns_in_a_circle_is_refused(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.always("tools/list", lambda turn: turn.respond(result={"tools": [], "nextCursor": ""}))
    with pytest.raises(UpstreamFault, match="circle"):
        upstream_at(fake.url).list_tools()


def test_a_list_without_end_is_refused(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    def page(turn: Turn) -> None:
        turn.respond(result={"tools": [], "nextCursor": str(fake.count("tools/list"))})

    fake.always("tools/list", page)
    with pytest.raises(UpstreamFault, match="100 pages"):
        upstream_at(fake.url).list_tools()


@pytest.mark.parametrize("result", [{}, {"tools": {}}, {"tools": ["x"]}, {"tools": [], "nextCursor": 7}, []])
def test_a_list_that_is_none_is_refused(fake: FakeUpstream, result: object, upstream_at: Upstreams) -> None:
    fake.always("tools/list", lambda turn: turn.respond(result=result))
    with pytest.raises(UpstreamFault) as raised:
        upstream_at(fake.url).list_tools()
    assert raised.value.code == "invalid_json"


def test_events_arrive_while_the_tool_still_runs(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    go_on = threading.Event()

    def act(turn: Turn) -> None:
        turn.begin_stream()
        turn.write_message({"method": "notifications/progress", "params": {"progressToken": 7, "progress": 1}})
        go_on.wait(5)
        turn.write_message({"id": "ask-1", "method": "sampling/createMessage", "params": {}})
        turn.write_message({"id": turn.request.message["id"], "result": {"content": [{"text": "done"}]}})
        turn.end_stream()

    fake.script("tools/call", act)
    upstream = upstream_at(fake.url)
    reply = upstream.call("tools/call", ECHO, meta={"progressToken": msgspec.Raw(b"7")})
    assert reply.events is not None
    assert bytes(next(reply.events)["method"]) == b'"notifications/progress"'
    go_on.set()
    assert bytes(next(reply.events)["id"]) == b'"ask-1"'
    assert text_of(next(reply.events)) == "done"
    assert list(reply.events) == []
    reply.close()
    upstream.call("tools/call", ECHO).close()
    assert fake.connections == 1


def test_a_stream_closed_early_is_cut_and_a_legacy_server_is_told(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.script("tools/call", faults.progress(1, 2, 3, pause=0.2))
    upstream = upstream_at(fake.url)
    reply = upstream.call("tools/call", ECHO)
    assert reply.events is not None
    next(reply.events)
    reply.close()
    if fake.era == "legacy":
        until(lambda: fake.count("notifications/cancelled"))
        call = fake.last("tools/call").message["id"]
        assert fake.last("notifications/cancelled").params == {"requestId": call}
    upstream.call("tools/call", ECHO).close()
    assert fake.connections == 2


def test_an_error_that_answers_us_is_passed_on_whatever_its_status(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    for status in (200, 400, 404, 500):
        fake.script("tools/call", lambda turn, status=status: turn.refuse(status, -32602, "no such tool"))
        message = upstream.call("tools/call", ECHO).response()
        assert json.loads(bytes(message["error"])) == {"code": -32602, "message": "no such tool"}
    assert fake.count("initialize") + fake.count("server/discover") <= 2


def test_404_without_a_session_means_a_wrong_path(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern") as fake:
        fake.script("tools/call", faults.status(404))
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url).call("tools/call", ECHO)
    assert raised.value.code == "not_found"


def test_a_web_page_instead_of_mcp_says_what_to_check(upstream_at: Upstreams) -> None:
    with FakeUpstream() as fake:
        for method in ("server/discover", "initialize"):
            fake.always(method, faults.html)
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url).open()
    assert raised.value.sentence == (
        f"127.0.0.1:{fake.port} answered with a web page (text/html) instead of MCP. "
        "Check the URL; it usually ends in /mcp."
    )


def test_a_server_that_is_down_refuses_and_nothing_has_run(upstream_at: Upstreams) -> None:
    with FakeUpstream() as fake:
        url = fake.url
    with pytest.raises(UpstreamFault) as raised:
        upstream_at(url).call("tools/call", ECHO)
    assert (raised.value.code, raised.value.may_have_run) == ("refused", False)


def test_a_server_s_own_words_are_quoted_on_one_line(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    body = json.dumps({"error": {"code": -32000, "message": "Token\n\x1b[31m expired" + "!" * 900}}).encode()
    fake.script("tools/call", faults.status(401, body, "application/json"))
    with pytest.raises(UpstreamFault) as raised:
        upstream_at(fake.url).call("tools/call", ECHO)
    assert "It said: Token [31m expired!" in raised.value.sentence
    assert len(raised.value.sentence) < 400


def test_a_modern_server_that_left_our_revision_is_asked_again_next_time(upstream_at: Upstreams) -> None:
    with FakeUpstream("both") as fake:
        upstream = upstream_at(fake.url)
        upstream.open()
        fake.era = "legacy"
        fake.script("tools/call", lambda turn: turn.refuse(400, -32022, "gone", data={"supported": ["2027-01-01"]}))
        assert "error" in upstream.call("tools/call", ECHO).response()
        assert text_of(upstream.call("tools/call", ECHO).response()) == '{"text":"hi"}'
        assert upstream.open().era is Era.LEGACY


def test_a_notification_reaches_the_session(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(fake.url)
    upstream.notify(NOBODY, "notifications/roots/list_changed")
    assert fake.requests == [], "where no session is open nobody is told"
    upstream.open()
    upstream.notify(NOBODY, "notifications/roots/list_changed")
    if fake.era == "modern":
        assert fake.count("notifications/roots/list_changed") == 0
        return
    assert fake.last("notifications/roots/list_changed").headers["mcp-session-id"] == "session-1"
    fake.always("notifications/x", faults.status(500))
    with pytest.raises(UpstreamFault):
        upstream.notify(NOBODY, "notifications/x")


def test_a_probe_tells_the_era_the_name_and_the_tools(fake: FakeUpstream) -> None:
    found = probe(Target(fake.url), LOOPBACK, client_name="test", client_version="1")
    assert (found.era, found.name, found.version) == (fake.era, "fake", "1")
    assert [json.loads(tool)["name"] for tool in found.tools] == ["echo"]
    assert fake.sessions == set(), "the session was left open"


def test_one_page_that_is_too_long_is_refused_too(upstream_at: Upstreams) -> None:
    with FakeUpstream("both") as fake:
        fake.results["tools/list"] = {"tools": [{}] * 20_000}
        with pytest.raises(UpstreamFault) as refused:
            upstream_at(fake.url).list_tools()
        assert refused.value.code == "too_large"
