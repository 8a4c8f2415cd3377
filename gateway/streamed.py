"""A streamed response, as WSGI takes it.

Rule: closing it ends the exchange. Where a lost connection is no cancellation, the call is brought to its end without
its client, so that its record tells what became of it.
"""

from collections.abc import Callable, Generator

import gevent

from gateway.exchange import Exchange
from gateway.open_exchanges import OpenExchanges
from upstream.eras import Era


class StreamedResponse:
    def __init__(
        self,
        exchange: Exchange,
        events: Generator[bytes],
        open_exchanges: OpenExchanges,
        finish: Callable[[Exchange], None],
    ) -> None:
        self._exchange = exchange
        self._events = events
        self._open_exchanges = open_exchanges
        self._finish = finish
        self._has_ended = False

    def __iter__(self) -> "StreamedResponse":
        return self

    def __next__(self) -> bytes:
        try:
            event = next(self._events)
        except BaseException:
            self._has_ended = True
            raise
        self._exchange.response_bytes += len(event)
        return event

    def close(self) -> None:
        exchange = self._exchange
        spoken = exchange.spoken
        is_over = self._has_ended or exchange.outcome == "cut"
        if is_over or exchange.is_stream or spoken is None or spoken.era is Era.MODERN:
            self._end()
        else:  # before the modern era a lost connection is no cancellation (MCP 2025-11-25 basic/transports)
            running_out = gevent.spawn(self._run_out)
            running_out.link(lambda _: self._end())  # also of one that is cut before it has begun
            self._open_exchanges.hand_to(exchange, running_out)

    def _run_out(self) -> None:
        for _ in self._events:
            pass

    def _end(self) -> None:
        self._events.close()
        self._finish(self._exchange)
