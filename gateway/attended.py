"""Attended calls: what a server asks beside a call is heard with it.

Rule: only where the session is one client's alone, and that client has no stream here to be asked on. All calls of a
session share one stream: what it says goes to the call that has been under way for longest, and a question that is
still open when that ends goes to the next. The last call to end closes it. A server without such a stream is called
all the same.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from functools import partial

import gevent
from gevent.event import Event
from gevent.queue import Empty, Queue
from msgspec import Raw

from common import clock
from gateway.exchange import Exchange, Replying
from gateway.open_streams import OpenStreams
from gateway.protocol.jsonrpc import Members
from upstream.client import Upstream
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.parties import Party
from upstream.watches import Watch

# A server may ask as soon as it is called, and many forget what they ask while nobody listens: the stream gets so long
# to open. It takes one round trip, and later calls of a session whose first is still under way none.
HEAD_START_SECONDS = 0.5
# Within the head start, where the session has a stream already.
TRIES = 4
# What a call has not yet taken; beyond it the server is made to wait.
MAX_UNTAKEN = 64
# The server's own deadline comes first: it has the better sentence.
DEADLINE_SLACK = 2

_UNANSWERED = {"error": Raw(b'{"code":-32603,"message":"The client did not answer."}')}


class AttendedCalls:
    def __init__(self, streams: OpenStreams) -> None:
        self._streams = streams
        self._sessions: dict[tuple[Upstream, Party], _Session] = {}

    def call(self, exchange: Exchange, upstream: Upstream, party: Party, call: Callable[[], Replying]) -> Replying:
        """What `call` returns, and before it what the server says beside it. Raises UpstreamFault."""
        if self._streams.of_session(exchange.slug, exchange.digest, exchange.mcp_session_id) is not None:
            return call()
        key = upstream, party
        session = self._sessions.get(key)
        if session is None:
            session = self._sessions[key] = _Session(partial(upstream.follow, party), partial(self._sessions.pop, key))
        return AttendedReply(exchange, session, call)


class _Session:
    """The stream of one session, for as long as it has calls; `is_open`: it is, or is not going to be."""

    def __init__(self, follow: Callable[[], Watch], ended: Callable[[], object]) -> None:
        self.calls: dict[AttendedReply, None] = {}
        self.is_open = Event()
        self._ended = ended
        self._watch: Watch | None = None
        self._following = gevent.spawn(self._follow, follow)

    def _follow(self, follow: Callable[[], Watch]) -> None:
        try:
            self._watch = self._open(follow)
            self.is_open.set()
            for message in self._watch.messages():
                self._say(message)
        except UpstreamFault:
            pass  # it has no such stream, or somebody else listens to it
        finally:
            self.is_open.set()

    def _open(self, follow: Callable[[], Watch]) -> Watch:
        """The last call's stream may be closing still, perhaps in another process. Raises UpstreamFault."""
        for _ in range(TRIES):
            try:
                return follow()
            except UpstreamFault as fault:
                if fault.code != "stream_taken":
                    raise
            gevent.sleep(HEAD_START_SECONDS / TRIES)
        return follow()

    def _say(self, message: Members) -> None:
        call = next(iter(self.calls), None)
        if call is not None:
            call.hear(message)
        elif "id" in message:
            self.answer(message["id"], _UNANSWERED)

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        if self._watch is not None:
            with suppress(UpstreamFault):  # the call itself will say what is wrong
                self._watch.answer(request_id, outcome)

    def leave(self, call: "AttendedReply", unanswered: Iterable[Members]) -> None:
        del self.calls[call]
        for message in unanswered:
            gevent.spawn(self._say, message)
        if not self.calls:
            self._ended()
            self._following.kill(block=False)
            if self._watch is not None:
                self._watch.close()


class AttendedReply:
    """A reply that is there before its call has been answered. An answer that comes whole has the call's own time,
    whatever is asked beside it."""

    def __init__(self, exchange: Exchange, session: _Session, call: Callable[[], Replying]) -> None:
        self.message: Members | None = None
        self.era = Era.LEGACY
        self._exchange = exchange
        self._session = session
        self._arriving: Queue[Members | UpstreamFault] = Queue(MAX_UNTAKEN)
        self._asked: dict[bytes, Members] = {}  # what the session has asked, until it is answered
        self._reply: Replying | None = None
        self._is_closed = False
        self._messages = self._arrivals()
        session.calls[self] = None
        self._calling = gevent.spawn(self._call, call)

    @property
    def events(self) -> Iterator[Members]:
        return self._messages

    def hear(self, message: Members) -> None:
        """Take what the session has said, as soon as there is room."""
        if "id" in message:
            self._asked[bytes(message["id"])] = message
        self._arriving.put(message)

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        if self._asked.pop(bytes(request_id), None) is not None:
            self._session.answer(request_id, outcome)
        elif self._reply is not None:
            self._reply.answer(request_id, outcome)

    def extend(self, seconds: float) -> None:
        """Nobody can tell which of the session's calls waits for the answer."""
        for call in self._session.calls:
            if call._reply is not None:
                call._reply.extend(seconds)
            if call is not self:
                call._exchange.deadline = max(call._exchange.deadline, clock.monotonic() + seconds)

    def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        self._calling.kill(block=False)
        while not self._arriving.empty():  # whoever waits for room goes on
            self._arriving.get_nowait()
        self._session.leave(self, self._asked.values())
        if self._reply is not None:
            self._reply.close()

    def _call(self, call: Callable[[], Replying]) -> None:
        try:
            self._session.is_open.wait(HEAD_START_SECONDS)
            self._reply = reply = call()
            self.era = reply.era
            if reply.message is not None:
                self._arriving.put(reply.message)
            for message in reply.events or ():
                self._arriving.put(message)
        except UpstreamFault as fault:
            self._arriving.put(fault)

    def _arrivals(self) -> Iterator[Members]:
        exchange = self._exchange
        while (left := exchange.deadline + DEADLINE_SLACK - clock.monotonic()) > 0:
            try:
                arrived = self._arriving.get(timeout=left)
            except Empty:
                continue  # the deadline may have been moved
            is_last = isinstance(arrived, UpstreamFault) or "method" not in arrived
            if is_last:
                exchange.note_upstream_time()
            if isinstance(arrived, UpstreamFault):
                raise arrived
            yield arrived
            if is_last:
                return
        raise UpstreamFault("timeout", "The server did not answer in time.", may_have_run=True)
