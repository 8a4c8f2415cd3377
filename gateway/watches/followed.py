"""A followed session: what a server says to one client of its own.

Rule: what it says goes to that client's streams and to no others. What it asks goes to the client's newest stream,
under an id of ours, and the answer comes back to the very stream that asked.
"""

from collections.abc import Callable

import gevent
from gevent.lock import BoundedSemaphore
from msgspec import MsgspecError, Raw

from gateway.exchange import Exchange
from gateway.open_streams import OpenStream, lineage
from gateway.protocol.capabilities import NONE, can_answer
from gateway.protocol.jsonrpc import Members, decode_members, encode
from gateway.protocol.methods import SUBSCRIBE, UNSUBSCRIBE
from gateway.protocol.subscriptions import CHANGED, UPDATED, decode_method, find_uri
from gateway.relayed import Client, RelayedRequests
from gateway.watches.kept import KeptWatch, answer, answer_alone
from upstream.client import Upstream
from upstream.faults import UpstreamFault
from upstream.parties import Party
from upstream.sse import render_event
from upstream.watches import Watch

# People answer in this time; a server does not wait longer.
QUESTION_SECONDS = 600
# Questions of one session that wait for their client; a server that asks more is told no.
MAX_ASKED = 16

# What a server may tell a client of the handshake era beside changes.
_PASSED_ON = ("notifications/message", "notifications/elicitation/complete")
_UNANSWERED = {"error": Raw(b'{"code":-32603,"message":"The client did not answer."}')}


class FollowedSession:
    def __init__(
        self,
        find_upstream: Callable[[], Upstream],
        party: Party,
        relayed: RelayedRequests,
        note: Callable[[str], None],
        began: Callable[[], None],
        missed: Callable[[frozenset[str]], None],
    ) -> None:
        """`note` is told which list has changed; the others as a KeptWatch does."""
        self._find_upstream = find_upstream
        self._party = party
        self._relayed = relayed
        self._note = note
        self._missed = missed
        self._streams: list[OpenStream] = []
        self._uris: frozenset[str] = frozenset()
        self._subscribed: frozenset[str] = frozenset()
        self._subscribing = BoundedSemaphore(1)
        self._asked: dict[str, tuple[Watch, Raw]] = {}
        self.kept = KeptWatch(self._open, self._hear, began, self._miss, frozenset())

    def tell(self, streams: list[OpenStream], wanted: frozenset[str]) -> None:
        """From here on what the server says is for these streams, which want some of these resources."""
        self._streams = streams
        before, self._uris = self._uris, frozenset(uri for each in streams for uri in each.wants.uris) & wanted
        if before != self._uris and self.kept.settled.is_set():
            gevent.spawn(self._subscribe)

    def _open(self, _: frozenset[str]) -> Watch:
        """Raises UpstreamFault. A session that was lost has forgotten what was subscribed to."""
        watch = self._find_upstream().follow(self._party)
        try:
            self._subscribed = frozenset()
            self._subscribe()
        except BaseException:  # killed: nobody would close it any more
            gevent.spawn(watch.close)
            raise
        return watch

    def _subscribe(self) -> None:
        """Make what is subscribed to what is wanted, one such change at a time."""
        with self._subscribing:
            wanted, subscribed = self._uris, self._subscribed
            self._subscribed = wanted
            for method, uris in ((SUBSCRIBE, wanted - subscribed), (UNSUBSCRIBE, subscribed - wanted)):
                for uri in uris:
                    try:
                        upstream = self._find_upstream()
                        upstream.call(method, {"uri": Raw(encode(uri))}, party=self._party).response()
                    except UpstreamFault:
                        return  # when the server is there again, its stream is opened anew, and this with it

    def _hear(self, watch: Watch, message: Members) -> None:
        method = decode_method(message)
        if "id" in message:
            self._ask(watch, method, message)
        elif method in CHANGED:
            self._note(CHANGED[method])
        elif method == UPDATED:
            self._tell_updated(find_uri(message))
        elif method in _PASSED_ON:
            for stream in self._streams:
                if not stream.subscription:
                    stream.offer(render_event(encode(message)))

    def _miss(self, _: frozenset[str]) -> None:
        self._missed(frozenset())
        for uri in self._uris:
            self._tell_updated(uri)

    def _tell_updated(self, uri: str) -> None:
        known = self._uris.intersection(lineage(uri))
        for stream in self._streams:
            if not known.isdisjoint(stream.wants.uris):
                stream.tell_updated(uri)

    def _ask(self, watch: Watch, method: str, message: Members) -> None:
        """Pass a server's request on to the client, or decline it."""
        stream = max((each for each in self._streams if each.nonce), key=lambda each: each.nonce, default=None)
        if stream is None or len(self._asked) >= MAX_ASKED or not _can_answer(stream.exchange, method, message):
            answer_alone(watch, message)
            return
        exchange = stream.exchange
        client = Client(exchange.slug, exchange.digest, exchange.mcp_session_id)
        relayed_id = self._relayed.ask(client, lambda outcome: self._settle(relayed_id, outcome))
        self._asked[relayed_id] = watch, message["id"]
        gevent.spawn_later(QUESTION_SECONDS, self._settle, relayed_id, _UNANSWERED)
        if not stream.offer(render_event(encode({**message, "id": Raw(encode(relayed_id))}))):
            self._settle(relayed_id, _UNANSWERED)

    def _settle(self, relayed_id: str, outcome: Members) -> None:
        """The first outcome is the one that counts."""
        self._relayed.withdraw(relayed_id)
        asked = self._asked.pop(relayed_id, None)
        if asked is not None:
            gevent.spawn(answer, *asked, outcome)


def _can_answer(exchange: Exchange, method: str, message: Members) -> bool:
    try:
        params = decode_members(message.get("params", Raw(NONE)))
    except (MsgspecError, RecursionError):
        return False
    return can_answer(exchange.declared, method, params)
