"""The client streams open here, by the place whose changes they hear of.

Rule: what waits for a slow reader is a set: an event that waits already is not queued again, and a stream that has no
room for a change is ended: its client opens another and looks for itself. So nothing is lost and nothing grows. A quiet
stream has no timer of its own; one loop keeps all of them alive.
"""

from collections.abc import Iterable

import gevent
from gevent.hub import Waiter, get_hub

from common import clock
from gateway.exchange import Exchange
from gateway.places import Place
from gateway.protocol.subscriptions import MAX_URIS, Wants, render_change, render_ended, render_updated
from upstream.sse import render_comment, render_event

# A silent stream says that it is alive this often: proxies on the way close one that is quiet for longer.
KEEP_ALIVE_SECONDS = 15
# How late a keep-alive may be: one look at all streams takes 2 ms for ten thousand.
BEAT_SECONDS = 1
# Each list and resource waits once at most; the rest is for what servers say to one client alone.
MAX_WAITING = MAX_URIS + 64
MAX_WAITING_BYTES = 4 << 20  # all that can wait of lists and resources, and some of what a server says at length
# A URI of more parts than this is taken whole: looking for each of them would cost more than it is worth.
MAX_PARTS = 64

_COMMENT = render_comment()


class OpenStream:
    """One stream, read by the greenlet that serves it. `subscription` is the listen request's id as JSON, or empty.

    `nonce` tells the streams of one MCP session apart: the greatest is the newest.
    """

    __slots__ = (
        "_has_ended",
        "_size",
        "_waiter",
        "_waiting",
        "exchange",
        "nonce",
        "place",
        "subscription",
        "told_at",
        "wants",
    )

    def __init__(
        self, place: Place, exchange: Exchange, wants: Wants, *, subscription: bytes = b"", nonce: str = ""
    ) -> None:
        self.place = place
        self.exchange = exchange
        self.wants = wants
        self.subscription = subscription
        self.nonce = nonce
        self.told_at = clock.monotonic()
        self._waiting: dict[bytes, None] = {}
        self._size = 0  # of what waits, in bytes
        self._waiter: Waiter[None] | None = None
        self._has_ended = False

    def tell_change(self, method: str) -> None:
        if method in self.wants.lists and not self.offer(render_event(render_change(method, self.subscription))):
            self.finish()

    def tell_updated(self, uri: str) -> None:
        if not self.offer(render_event(render_updated(uri, self.subscription))):
            self.finish()

    def offer(self, event: bytes) -> bool:
        """Have the event sent, after what waits already; False when the stream has ended or its reader is too slow."""
        if event in self._waiting:
            return True
        size = self._size + len(event)
        if self._has_ended or len(self._waiting) >= MAX_WAITING or size > MAX_WAITING_BYTES:
            return False
        self._waiting[event] = None
        self._size = size
        self._wake()
        return True

    def finish(self) -> None:
        """End it on our own account, and say so where the protocol has words for it."""
        self.end(render_event(render_ended(self.subscription)) if self.subscription else b"")

    def end(self, last: bytes = b"") -> None:
        """No more is taken; what waits and a last event are sent. Ending twice is ending once."""
        if not self._has_ended:
            self._has_ended = True
            if last:
                self._waiting[last] = None
            self._wake()

    def take(self) -> bytes:
        """The events since the last taking, waited for; empty when the stream has ended."""
        if not self._waiting and not self._has_ended:
            self._waiter = Waiter()
            try:
                self._waiter.get()
            finally:
                self._waiter = None
        taken = b"".join(self._waiting)
        self._waiting.clear()
        self._size = 0
        self.told_at = clock.monotonic()
        return taken

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            get_hub().loop.run_callback(waiter.switch, None)


class OpenStreams:
    def __init__(self) -> None:
        self._places: dict[Place, dict[OpenStream, None]] = {}
        self._by_uri: dict[Place, dict[str, dict[OpenStream, None]]] = {}
        self._of_sessions: dict[tuple[str, bytes, str], OpenStream] = {}
        self._is_ending = False

    def open(self, stream: OpenStream) -> None:
        self._places.setdefault(stream.place, {})[stream] = None
        self._index(stream)
        if stream.nonce:
            self._take_place(stream)
        if self._is_ending:
            stream.finish()

    def _take_place(self, stream: OpenStream) -> None:
        """A session has one stream: the newest."""
        key = _session_of(stream)
        other = self._of_sessions.get(key)
        if other is not None and other.nonce > stream.nonce:
            stream.end()
            return
        self._of_sessions[key] = stream
        if other is not None:
            other.end()

    def close(self, stream: OpenStream) -> None:
        """Closing twice is closing once."""
        siblings = self._places.get(stream.place, {})
        if stream not in siblings:
            return
        stream.end()
        del siblings[stream]
        if not siblings:
            del self._places[stream.place]
        self._unindex(stream)
        if self._of_sessions.get(_session_of(stream)) is stream:
            del self._of_sessions[_session_of(stream)]

    def want(self, stream: OpenStream, uris: Iterable[str]) -> bool:
        """From here on the stream is told of these resources; False when it has been closed."""
        if stream not in self._places.get(stream.place, ()):
            return False
        self._unindex(stream)
        stream.wants = stream.wants._replace(uris=tuple(uris))
        self._index(stream)
        return True

    def places(self) -> list[Place]:
        return list(self._places)

    def has(self, place: Place) -> bool:
        return place in self._places

    def count(self, place: Place) -> int:
        return len(self._places.get(place, ()))

    def of_place(self, place: Place) -> list[OpenStream]:
        return list(self._places.get(place, ()))

    def of_session(self, slug: str, digest: bytes, session: str) -> OpenStream | None:
        """The newest stream of a legacy client's session."""
        return self._of_sessions.get((slug, digest, session))

    def take_turns(self, place: Place, count: int) -> list[OpenStream]:
        """The next streams of the place, each in its turn."""
        siblings = self._places.get(place, {})
        chosen = [stream for stream, _ in zip(siblings, range(count), strict=False)]
        for stream in chosen:
            del siblings[stream]
            siblings[stream] = None
        return chosen

    def wanted_uris(self, place: Place) -> frozenset[str]:
        return frozenset(self._by_uri.get(place, ()))

    def tell_change(self, place: Place, method: str) -> None:
        for stream in self.of_place(place):
            stream.tell_change(method)

    def tell_updated(self, place: Place, uri: str) -> None:
        """Tell those who want this resource, or one that it is a part of."""
        wanted = self._by_uri.get(place)
        if wanted is None:
            return
        told = {stream: None for each in lineage(uri) for stream in wanted.get(each, ())}
        for stream in told:
            stream.tell_updated(uri)

    def finish_all(self) -> None:
        """End every stream, and whatever is opened from here on."""
        self._is_ending = True
        for place in self.places():
            for stream in self.of_place(place):
                stream.finish()

    def keep_alive(self) -> None:
        """A loop: what has been quiet for KEEP_ALIVE_SECONDS is sent a comment."""
        while True:
            gevent.sleep(BEAT_SECONDS)
            horizon = clock.monotonic() - KEEP_ALIVE_SECONDS
            for place in self.places():
                for stream in self.of_place(place):
                    if stream.told_at < horizon:
                        stream.offer(_COMMENT)

    def _index(self, stream: OpenStream) -> None:
        for uri in stream.wants.uris:
            self._by_uri.setdefault(stream.place, {}).setdefault(uri, {})[stream] = None

    def _unindex(self, stream: OpenStream) -> None:
        wanted = self._by_uri.get(stream.place, {})
        for uri in stream.wants.uris:
            wanted[uri].pop(stream)
            if not wanted[uri]:
                del wanted[uri]
        if not wanted:
            self._by_uri.pop(stream.place, None)


def lineage(uri: str) -> list[str]:
    """The URI, and those that it is beneath: a server may tell of a part of what was subscribed to."""
    if uri.count("/") > MAX_PARTS:
        return [uri]
    return [uri, *(uri[:end] for at, character in enumerate(uri) if character == "/" for end in (at, at + 1))]


def _session_of(stream: OpenStream) -> tuple[str, bytes, str]:
    exchange = stream.exchange
    return exchange.slug, exchange.digest, exchange.mcp_session_id
