"""Attended calls: what a server asks beside a call reaches the client with it, and its answer the server."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

import gevent
import pytest
from gevent.event import Event
from gevent.queue import Queue
from msgspec import Raw

from common import clock
from gateway import attended as attending
from gateway.attended import AttendedCalls
from gateway.exchange import Exchange, Replying
from gateway.open_streams import OpenStreams
from gateway.protocol.jsonrpc import Members
from tests.gateway.greenlets import until
from upstream.answers import Reply
from upstream.client import Upstream
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.parties import Party
from upstream.watches import Watch

PARTY = Party("session", b'{"roots":{}}')
DONE: Members = {"id": Raw(b'"ours"'), "result": Raw(b"{}")}
ROOTS: Members = {"id": Raw(b"7"), "method": Raw(b'"roots/list"')}
ANSWER: Members = {"result": Raw(b'{"roots":[]}')}
NO_STREAM = UpstreamFault("no_stream", "x does not tell of changes.")


class Server:
    """An upstream whose session's own stream says what the test puts into `said`, as soon as the test opens it."""

    def __init__(self) -> None:
        self.said: Queue[Members | None] = Queue()
        self.opens = Event()
        self.fault: UpstreamFault | None = None
        self.answers: list[tuple[bytes, Mapping[str, Raw]]] = []
        self.followed = self.closed = 0

    def follow(self, _: Party) -> Watch:
        self.followed += 1
        self.opens.wait()
        if self.fault is not None:
            raise self.fault
        return cast(Watch, self)

    def messages(self) -> Iterator[Members]:
        while (said := self.said.get()) is not None:
            yield said

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        self.answers.append((bytes(request_id), outcome))

    def close(self) -> None:
        self.closed += 1


class Stream:
    """A reply that says what the test puts into it."""

    def __init__(self) -> None:
        self.message = None
        self.era = Era.LEGACY
        self.said: Queue[Members] = Queue()
        self.answers: list[bytes] = []
        self.extended = 0.0
        self.is_closed = False

    @property
    def events(self) -> Iterator[Members]:
        while True:
            yield (said := self.said.get())
            if "method" not in said:
                return

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        self.answers.append(bytes(request_id))

    def extend(self, seconds: float) -> None:
        self.extended = seconds

    def close(self) -> None:
        self.is_closed = True


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def begin(server: Server) -> Iterator[Callable[[Callable[[], Any]], Replying]]:
    """Begins a call of one client's; each is closed at the end, and then nothing is followed any more."""
    calls = AttendedCalls(OpenStreams())
    begun: list[Replying] = []

    def begin(call: Callable[[], Any]) -> Replying:
        exchange = Exchange({}, 0, "c")
        exchange.deadline = clock.monotonic() + 5
        begun.append(calls.call(exchange, cast(Upstream, server), PARTY, call))
        return begun[-1]

    yield begin
    for reply in begun:
        reply.close()
    assert server.closed == (server.followed if server.opens.is_set() and server.fault is None else 0)


Begin = Callable[[Callable[[], Any]], Replying]


def take(reply: Replying, messages: list[Members]) -> gevent.Greenlet:
    assert reply.events is not None
    return gevent.spawn(messages.extend, reply.events)


def test_what_is_asked_at_once_is_heard_and_answered_in_its_session(server: Server, begin: Begin) -> None:
    def call() -> Stream:
        assert server.opens.is_set(), "called before anybody listened"
        server.said.put(ROOTS)
        return stream

    stream = Stream()
    reply = begin(call)
    until(lambda: server.followed)
    server.opens.set()
    assert reply.events is not None
    asked = next(reply.events)
    assert asked == ROOTS
    reply.answer(asked["id"], ANSWER)
    assert (server.answers, stream.answers) == ([(b"7", ANSWER)], [])
    stream.said.put(DONE)
    assert list(reply.events) == [DONE]
    reply.close()
    assert stream.is_closed
    assert server.closed == 1


def test_an_answer_that_comes_whole_may_be_preceded_by_questions(server: Server, begin: Begin) -> None:
    def call() -> Reply:
        server.said.put(ROOTS)
        until(lambda: server.answers)
        return Reply(DONE)

    server.opens.set()
    reply = begin(call)
    assert reply.events is not None
    reply.answer(next(reply.events)["id"], ANSWER)
    assert list(reply.events) == [DONE]


def test_what_is_asked_on_the_stream_of_the_call_is_answered_there(server: Server, begin: Begin) -> None:
    stream = Stream()
    server.opens.set()
    reply = begin(lambda: stream)
    stream.said.put(ROOTS)
    assert reply.events is not None
    reply.answer(next(reply.events)["id"], ANSWER)
    assert (server.answers, stream.answers) == ([], [b"7"])


@pytest.mark.parametrize("fault", [None, NO_STREAM])
def test_a_server_without_such_a_stream_is_called_all_the_same(
    fault: UpstreamFault | None, server: Server, begin: Begin, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says so, and one that never says anything."""
    monkeypatch.setattr(attending, "HEAD_START_SECONDS", 0.02 if fault is None else 5)
    if fault is not None:
        server.fault = fault
        server.opens.set()
    began = clock.monotonic()
    assert list(begin(lambda: Reply(DONE)).events or ()) == [DONE]
    assert clock.monotonic() - began < 2


def test_calls_of_one_session_share_its_stream(server: Server, begin: Begin) -> None:
    server.opens.set()
    older, younger = begin(Stream), begin(Stream)
    heard: tuple[list[Members], list[Members]] = [], []
    taking = [take(older, heard[0]), take(younger, heard[1])]
    server.said.put(ROOTS)
    until(lambda: heard[0])
    older.extend(60)
    assert heard == ([ROOTS], [])
    older.close()
    until(lambda: heard[1])
    assert heard == ([ROOTS], [ROOTS]), "it is still open"
    younger.answer(ROOTS["id"], ANSWER)
    assert server.answers == [(b"7", ANSWER)]
    assert (server.followed, server.closed) == (1, 0)
    younger.close()
    assert server.closed == 1
    gevent.killall(taking)


def test_a_question_gives_all_calls_of_the_session_more_time(server: Server, begin: Begin) -> None:
    server.opens.set()
    streams = Stream(), Stream()
    older, _ = (begin(lambda stream=stream: stream) for stream in streams)
    server.said.put(ROOTS)
    assert next(older.events or iter(())) == ROOTS
    older.extend(60)
    assert [stream.extended for stream in streams] == [60, 60]


def test_a_question_that_outlives_the_last_call_is_told_so(server: Server, begin: Begin) -> None:
    server.opens.set()
    reply = begin(Stream)
    server.said.put(ROOTS)
    assert next(reply.events or iter(())) == ROOTS
    reply.close()
    until(lambda: server.answers)
    assert "error" in server.answers[0][1]


def test_a_fault_of_the_call_is_its_fault(server: Server, begin: Begin) -> None:
    def call() -> Reply:
        raise UpstreamFault("refused", "x refused.")

    server.opens.set()
    with pytest.raises(UpstreamFault, match="refused"):
        list(begin(call).events or ())


def test_closing_ends_a_call_that_has_no_answer_yet(server: Server, begin: Begin) -> None:
    begun, ended = Event(), Event()

    def call() -> Reply:
        begun.set()
        try:
            Event().wait(5)
        finally:
            ended.set()
        return Reply(DONE)

    server.opens.set()
    reply = begin(call)
    assert begun.wait(1)
    reply.close()
    assert ended.wait(1)


def test_a_server_that_says_more_than_is_taken_waits(server: Server, begin: Begin) -> None:
    server.opens.set()
    reply = begin(Stream)
    for number in range(attending.MAX_UNTAKEN * 2):
        server.said.put({"method": Raw(b'"notifications/message"'), "params": Raw(b"%d" % number)})
    until(lambda: server.said.qsize() == attending.MAX_UNTAKEN - 1)
    assert len([next(reply.events or iter(())) for _ in range(attending.MAX_UNTAKEN * 2)]) == attending.MAX_UNTAKEN * 2
