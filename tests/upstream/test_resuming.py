"""A legacy server ends a stream before its answer: it goes on over a GET, and the call is sent once."""

import threading
from collections.abc import Iterator

import msgspec
import pytest

from common.clock import monotonic
from tests.upstream.servers import ECHO, Upstreams, text_of
from tests.waiting import until
from upstream import fake_faults as faults
from upstream.client import Upstream
from upstream.fake import FakeUpstream
from upstream.fake_polls import polled
from upstream.fake_turns import Turn
from upstream.faults import UpstreamFault
from upstream.requests import Message
from upstream.resuming import MAX_TRIES


@pytest.fixture
def server() -> Iterator[FakeUpstream]:
    with FakeUpstream("legacy") as server:
        yield server


@pytest.fixture
def upstream(server: FakeUpstream, upstream_at: Upstreams) -> Upstream:
    return upstream_at(server.url)


def primes(event: bytes) -> faults.Act:
    """A stream of this, and no more."""

    def act(turn: Turn) -> None:
        turn.begin_stream()
        turn.write_chunk(event)
        turn.end_stream()

    return act


def is_cut(upstream: Upstream) -> UpstreamFault:
    with pytest.raises(UpstreamFault) as raised:
        upstream.call("tools/call", ECHO).response()
    assert (raised.value.code, raised.value.may_have_run) == ("cut", True)
    return raised.value


def test_a_stream_that_ends_too_early_is_gone_on_with(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled(times=3))
    reply = upstream.call("tools/call", ECHO)
    messages: list[Message] = list(reply.events or ())
    reply.close()
    assert [bytes(message.get("method", b"")) for message in messages] == [b'"notifications/progress"'] * 3 + [b""]
    assert text_of(messages[-1]) == "polled"
    assert server.count("tools/call") == 1
    gets = [request.headers for request in server.requests if request.verb == "GET"]
    assert [headers["last-event-id"] for headers in gets] == ["event-1", "event-2", "event-3"]
    assert {headers["mcp-session-id"] for headers in gets} == {"session-1"}
    assert {headers["mcp-protocol-version"] for headers in gets} == {"2025-11-25"}
    assert server.count("notifications/cancelled") == 0


def test_all_of_it_takes_one_connection(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled(times=3))
    for _ in range(2):
        assert text_of(upstream.call("tools/call", ECHO).response()) == "polled"
    assert server.connections == 1


def test_a_stream_that_was_cut_is_gone_on_with_as_well(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled(times=2, cuts=True))
    assert text_of(upstream.call("tools/call", ECHO).response()) == "polled"
    assert server.count("tools/call") == 1


def test_the_server_says_how_long_to_rest(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled(retry_ms=300))
    upstream.open()
    began = monotonic()
    upstream.call("tools/call", ECHO).response()
    assert 0.3 <= monotonic() - began < 1.5


def test_no_rest_at_all_is_no_hot_loop(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled(times=1000, retry_ms=0))
    with pytest.raises(UpstreamFault):
        upstream.call("tools/call", ECHO, timeout=0.55).response()
    assert 3 <= server.count("GET") <= 6


def test_the_same_id_is_asked_about_a_few_times(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", primes(b"id: 7\nretry: 1\n\n"))
    server.always("GET", primes(b": nothing new\n\n"))
    is_cut(upstream)
    assert server.count("GET") == MAX_TRIES
    assert server.count("tools/call") == 1


@pytest.mark.parametrize("answer", [404, 405, 400, 409, 500, 200])
def test_a_server_that_does_not_go_on_has_cut_it(answer: int, server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", primes(b"id: 7\nretry: 1\ndata:\n\n"))
    server.always("GET", faults.status(answer))
    assert "without the answer" in is_cut(upstream).sentence
    assert server.count("GET") == 1
    until(lambda: server.count("notifications/cancelled"))


def test_a_connection_that_fails_is_tried_again(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled())
    server.script("GET", faults.reset, faults.close)
    assert text_of(upstream.call("tools/call", ECHO).response()) == "polled"
    assert server.count("GET") == 3


@pytest.mark.parametrize(
    "event", [b"data:\n\n", b"id: 7", b"id: 7\n\nid:\n\n", b"id: a\x7fb\n\n", b"id: " + b"7" * 2000 + b"\n\n"]
)
def test_without_an_id_that_can_be_sent_it_is_over(event: bytes, server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", primes(b"retry: 1\n" + event))
    is_cut(upstream)
    assert server.count("GET") == 0


def test_without_a_session_it_is_over(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", keeps_sessions=False) as fake:
        fake.always("tools/call", polled())
        is_cut(upstream_at(fake.url))
        assert fake.count("GET") == 0


def test_a_modern_stream_is_not_gone_on_with(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern") as fake:
        fake.always("tools/call", polled())
        is_cut(upstream_at(fake.url))
        assert fake.count("GET") == 0


def test_the_calls_deadline_ends_the_rest_and_can_be_moved(server: FakeUpstream, upstream: Upstream) -> None:
    server.always("tools/call", polled(retry_ms=600))
    upstream.open()
    began = monotonic()
    with pytest.raises(UpstreamFault):
        upstream.call("tools/call", ECHO, timeout=0.2).response()
    assert monotonic() - began < 0.5
    reply = upstream.call("tools/call", ECHO, timeout=0.3)
    threading.Timer(0.15, reply.extend, [5]).start()
    assert text_of(reply.response()) == "polled"


@pytest.mark.parametrize("get", [None, faults.hang])
def test_closing_ends_it_while_it_waits(get: faults.Act | None, server: FakeUpstream, upstream: Upstream) -> None:
    """In its rest, and on the stream that goes on."""
    server.always("tools/call", polled(retry_ms=5000 if get is None else 1))

    def goes_quiet(turn: Turn) -> None:
        turn.begin_stream()
        turn.wait()

    server.always("GET", goes_quiet)
    reply = upstream.call("tools/call", ECHO)
    ended = threading.Event()

    def read() -> None:
        with pytest.raises(UpstreamFault):
            list(reply.events or ())
        ended.set()

    reading = threading.Thread(target=read)
    reading.start()
    until(lambda: server.count("tools/call") if get is None else server.count("GET"))
    reply.close()
    until(lambda: server.count("notifications/cancelled"))
    if get is None:
        assert ended.wait(1)
    else:  # a thread that reads is not woken by closing: dropping the peer ends it
        server.drop_connections()
        assert ended.wait(5)
    reading.join(5)
    assert server.count("GET") == (0 if get is None else 1)


def test_a_question_on_the_stream_that_goes_on_is_answered(server: FakeUpstream, upstream: Upstream) -> None:
    def asks(turn: Turn) -> None:
        turn.begin_stream()
        turn.write_message({"id": "q", "method": "roots/list"})
        turn.write_message({"id": server.last("tools/call").message["id"], "result": {"content": [{"text": "x"}]}})
        turn.end_stream()

    server.always("tools/call", primes(b"id: 7\nretry: 1\n\n"))
    server.always("GET", asks)
    reply = upstream.call("tools/call", ECHO)
    question, answer = list(reply.events or ())
    reply.answer(question["id"], {"result": msgspec.Raw(b'{"roots":[]}')})
    reply.close()
    assert text_of(answer) == "x"
    assert server.requests[-1].message == {"jsonrpc": "2.0", "id": "q", "result": {"roots": []}}
    assert server.requests[-1].headers["mcp-session-id"] == "session-1"
