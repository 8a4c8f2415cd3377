"""Opening: which answers decide an era, and what becomes of a legacy session."""

import threading

import pytest

from tests.threads import at_once
from tests.upstream.servers import ECHO, Upstreams, text_of
from upstream import fake_faults as faults
from upstream.eras import LEGACY_VERSIONS, Era
from upstream.fake import FakeUpstream
from upstream.fake_turns import Act, Turn
from upstream.faults import UpstreamFault


def refusal(status: int, code: int, **more: object) -> Act:
    return lambda turn: turn.refuse(status, code, "refused", **more)


LEGACY_ANSWERS: dict[str, Act] = {
    "400 text": faults.status(400, b"Bad Request"),
    "400 -32000": refusal(400, -32000),
    "400 -32600": refusal(400, -32600),
    "404 page": faults.status(404, b"<html>", "text/html"),
    "405": faults.status(405),
    "404 -32601": refusal(404, -32601),
    "200 -32601": refusal(200, -32601),
    "200 page": faults.html,
    "200 nothing": lambda turn: turn.respond(result={}),
    "200 other versions": lambda turn: turn.respond(result={"supportedVersions": ["2025-11-25"]}),
    "400 supports only legacy": refusal(400, -32022, data={"supported": ["2025-11-25"], "requested": "2026-07-28"}),
    "302": faults.status(302, Location="/login"),
    "500": faults.status(500),
    "503 -32603": refusal(503, -32603),
}


@pytest.mark.parametrize("answer", LEGACY_ANSWERS)
def test_a_server_that_does_not_know_discovery_is_legacy(answer: str, upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.always("server/discover", LEGACY_ANSWERS[answer])
        assert upstream_at(fake.url).open().era is Era.LEGACY


@pytest.mark.parametrize("code", [-32020, -32021, -32022])
def test_an_error_that_only_modern_servers_know_decides_for_modern(code: int, upstream_at: Upstreams) -> None:
    with FakeUpstream("both") as fake:
        fake.always("server/discover", refusal(400, code, data={"supported": ["2026-07-28"]}))
        assert upstream_at(fake.url).open().era is Era.MODERN
        assert fake.count("initialize") == 0


def test_discovery_may_be_answered_as_a_stream(upstream_at: Upstreams) -> None:
    def act(turn: Turn) -> None:
        turn.begin_stream()
        turn.write_message({"id": turn.request.message["id"], "result": {"supportedVersions": ["2026-07-28"]}})
        turn.end_stream()

    with FakeUpstream("modern") as fake:
        fake.always("server/discover", act)
        assert upstream_at(fake.url).open().era is Era.MODERN


@pytest.mark.parametrize(
    ("act", "code"),
    [
        (faults.status(401), "unauthorized"),
        (faults.status(403), "unauthorized"),
        (faults.status(429), "rate_limited"),
        (faults.hang, "timeout"),
        (faults.reset, "reset"),
    ],
)
def test_a_refusal_or_a_fault_decides_nothing(act: Act, code: str, upstream_at: Upstreams) -> None:
    with FakeUpstream("both") as fake:
        fake.script("server/discover", act)
        upstream = upstream_at(fake.url)
        with pytest.raises(UpstreamFault) as raised:
            upstream.open(0.3)
        assert raised.value.code == code
        assert fake.count("initialize") == 0
        assert upstream.open().era is Era.MODERN


def test_a_modern_server_in_trouble_is_told_as_that_trouble(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern") as fake:
        fake.script("server/discover", faults.status(503, Retry_After="4"))
        upstream = upstream_at(fake.url)
        with pytest.raises(UpstreamFault) as raised:
            upstream.open()
        assert (raised.value.code, raised.value.retry_after) == ("server_error", 4)
        assert upstream.open().era is Era.MODERN


@pytest.mark.parametrize("version", LEGACY_VERSIONS)
def test_each_handshake_revision_is_accepted(version: str, upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", legacy_version=version) as fake:
        upstream = upstream_at(fake.url)
        assert upstream.open().protocol_version == version
        upstream.call("tools/call", ECHO).close()
        sent = fake.last("tools/call").headers.get("mcp-protocol-version")
        assert sent == (version if version >= "2025-06-18" else None)
        assert fake.last("initialize").params["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize(
    "result",
    [{}, [], {"protocolVersion": "1999-01-01"}, {"protocolVersion": 7}, {"protocolVersion": "2026-07-28"}],
)
def test_an_opening_that_is_no_mcp_is_a_fault(result: object, upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.always("initialize", lambda turn: turn.respond(result=result))
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url).open()
        assert raised.value.code in ("not_mcp", "invalid_json")


@pytest.mark.parametrize("session", ["with blank", "ä", "x" * 2000])
def test_a_session_id_that_breaks_headers_is_refused(session: str, upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.always("initialize", lambda turn: turn.respond(result={}, session=session))
        with pytest.raises(UpstreamFault, match=r"session id|HTTP"):
            upstream_at(fake.url).open()


def test_a_server_without_sessions_works_without(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", keeps_sessions=False) as fake:
        upstream = upstream_at(fake.url)
        assert text_of(upstream.call("tools/call", ECHO).response()) == '{"text":"hi"}'
        assert "mcp-session-id" not in fake.last("tools/call").headers


def test_a_forgotten_session_is_opened_again_and_the_call_goes_through(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        upstream = upstream_at(fake.url)
        upstream.call("tools/call", ECHO).close()
        fake.sessions.clear()
        assert text_of(upstream.call("tools/call", ECHO).response()) == '{"text":"hi"}'
        assert fake.last("tools/call").headers["mcp-session-id"] == "session-2"
        assert fake.count("server/discover") == 1, "the verdict was kept"


def test_a_server_that_forgets_every_session_gets_each_call_twice_and_no_more(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.always("tools/call", faults.status(404))
        with pytest.raises(UpstreamFault) as raised:
            upstream_at(fake.url).call("tools/call", ECHO)
        assert raised.value.code == "not_found"
        assert fake.count("tools/call") == 2


def test_404_that_answers_our_request_is_not_a_forgotten_session(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.script("tools/call", refusal(404, -32601))
        assert "error" in upstream_at(fake.url).call("tools/call", ECHO).response()
        assert (fake.count("tools/call"), fake.count("initialize")) == (1, 1)


def test_a_legacy_server_that_became_modern_is_found_out(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        upstream = upstream_at(fake.url)
        upstream.call("tools/call", ECHO).close()
        fake.era = "modern"
        fake.script("tools/call", faults.status(404))
        assert text_of(upstream.call("tools/call", ECHO).response()) == '{"text":"hi"}'
        assert upstream.open().era is Era.MODERN


def test_closing_ends_the_session(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        upstream = upstream_at(fake.url)
        upstream.open()
        assert fake.sessions == {"session-1"}
        upstream.close()
        assert fake.sessions == set()


def test_many_callers_open_one_session(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.always("initialize", faults.slow(0.1))
        upstream = upstream_at(fake.url)
        at_once(8, lambda _: upstream.call("tools/call", ECHO).close())
        assert (fake.count("initialize"), fake.count("tools/call")) == (1, 8)


def test_many_callers_share_one_fault(upstream_at: Upstreams) -> None:
    codes: list[str] = []
    with FakeUpstream() as fake:
        arrived = threading.Barrier(8)
        upstream = upstream_at(fake.url)

        def refuse_when_all_wait(turn: Turn) -> None:
            turn.wait(0.3)
            turn.answer(b"", 401)

        def attempt(_: int) -> None:
            arrived.wait()
            with pytest.raises(UpstreamFault) as raised:
                upstream.call("tools/call", ECHO)
            codes.append(raised.value.code)

        fake.always("server/discover", refuse_when_all_wait)
        at_once(8, attempt)
        assert codes == ["unauthorized"] * 8
        assert fake.count("server/discover") == 1
