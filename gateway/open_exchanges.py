"""The exchanges under way here, by token: to cap them and to cut them.

Rule: an exchange is entered before admission is asked, so that no cut falls between. A cut reaches it wherever it
waits, as an exception raised in its greenlet, and never after it has left.
"""

from functools import partial
from typing import Any

from gevent import GreenletExit, getcurrent
from gevent.hub import get_hub

from gateway.exchange import Exchange
from gateway.protocol.refusals import Refusal, too_busy, unauthorized
from upstream.eras import Era

_Key = tuple[str, bytes, bool]  # slug, digest, whether they are streams


class Cut(GreenletExit):
    """Raised inside an exchange that must end now: no fault, and nothing on the way may take it for one."""

    def __init__(self, refusal: Refusal | None) -> None:
        super().__init__("cut")
        self.refusal = refusal


class OpenExchanges:
    def __init__(self, max_concurrent: int, max_streams: int) -> None:
        """How many calls, and how many streams without an end, a token may have open here."""
        self._max_concurrent = max_concurrent
        self._max_streams = max_streams
        self._open: dict[_Key, set[Exchange]] = {}

    def enter(self, exchange: Exchange) -> None:
        """Refuses (429) when the token has too many under way."""
        key = exchange.slug, exchange.digest, exchange.is_stream
        siblings = self._open.get(key)
        if siblings is None:
            siblings = self._open[key] = set()
        elif exchange.is_stream:
            if len(siblings) >= self._max_streams:
                raise too_busy(f"This token has {self._max_streams} streams open; close one of them.")
        elif len(siblings) >= self._max_concurrent and not exchange.is_batched:  # its batch has been let in
            raise too_busy(f"This token has {self._max_concurrent} calls under way; wait for one of them to end.")
        exchange.greenlet = getcurrent()
        siblings.add(exchange)

    def leave(self, exchange: Exchange) -> None:
        """From here on no cut reaches the exchange; leaving twice is leaving once."""
        if exchange.greenlet is None:
            return
        exchange.greenlet = None
        key = exchange.slug, exchange.digest, exchange.is_stream
        siblings = self._open[key]
        siblings.discard(exchange)
        if not siblings:
            del self._open[key]

    def of_token(self, slug: str, digest: bytes) -> list[Exchange]:
        return [*self._open.get((slug, digest, False), ()), *self._open.get((slug, digest, True), ())]

    def of_workspace(self, slug: str) -> list[Exchange]:
        return [exchange for key, siblings in self._open.items() if key[0] == slug for exchange in siblings]

    def find_request(self, slug: str, digest: bytes, mcp_session: str, request_id: bytes) -> Exchange | None:
        """The call of a session that is under way here under the client's own id (as JSON)."""
        for exchange in self._open.get((slug, digest, False), ()):
            if exchange.mcp_session_id == mcp_session and exchange.request_id == request_id:
                return exchange
        return None

    def all(self) -> list[Exchange]:
        return [exchange for siblings in self._open.values() for exchange in siblings]

    def cut_expired(self, now_us: int) -> None:
        """What a token has opened ends with the token. Called now and then."""
        for exchange in self.all():
            if 0 < exchange.expires_us <= now_us:
                exchange.expires_us = 0  # once
                self.cut(exchange, unauthorized())

    def watch_clients(self, before_us: int) -> None:
        """Cut what began before then and has lost its client, where the client's era takes that for a cancellation.

        Called now and then, so that the many short calls cost no watcher (MCP 2026-07-28 basic/transports).
        """
        for exchange in self.all():
            if exchange.is_watched or exchange.began_us > before_us or exchange.spoken is None:
                continue
            exchange.is_watched = True
            if exchange.spoken.era is Era.MODERN or exchange.is_stream:
                exchange.environ["stoa.connection"].watch(partial(self.cut, exchange, None))

    def hand_to(self, exchange: Exchange, greenlet: Any) -> None:
        """Another greenlet brings the exchange to its end: a cut reaches it there."""
        if exchange.greenlet is not None:
            exchange.greenlet = greenlet

    def cut(self, exchange: Exchange, refusal: Refusal | None) -> None:
        """Ends the exchange: with this refusal while its answer has not begun, silently afterwards."""
        get_hub().loop.run_callback(self._throw, exchange, refusal)

    def _throw(self, exchange: Exchange, refusal: Refusal | None) -> None:
        """Runs in the hub: nothing comes between the look and the throw."""
        greenlet = exchange.greenlet
        if greenlet is not None:
            exchange.outcome, exchange.decision = "cut", refusal.decision if refusal else "client_gone"
            greenlet.throw(Cut(refusal))
