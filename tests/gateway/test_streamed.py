"""A streamed response whose client has gone is brought to its end, or ended at once, and always finished once."""

from collections.abc import Generator

import gevent
import pytest

from gateway.exchange import Exchange
from gateway.open_exchanges import Cut, OpenExchanges
from gateway.protocol.eras import Spoken
from gateway.protocol.refusals import unauthorized
from gateway.streamed import StreamedResponse
from upstream.eras import Era


class Streaming:
    """Three events, one at each turn of the loop; `seen` of them have been taken, `closed` says how it ended."""

    def __init__(self, era: Era) -> None:
        self.exchange = Exchange({}, 0, "0-boot-1")
        self.exchange.slug, self.exchange.digest = "demo", b"d"
        self.exchange.spoken = Spoken(era, "", None)
        self.open = OpenExchanges(10, 10)
        self.seen = 0
        self.closed = ""
        self.finished = 0
        self.open.enter(self.exchange)
        self.response = StreamedResponse(self.exchange, self._events(), self.open, self._finish)

    def _events(self) -> Generator[bytes]:
        try:
            for _ in range(3):
                self.seen += 1
                yield b"event"
                gevent.sleep(0)
            self.closed = "done"
        except GeneratorExit:
            self.closed = "left"
            raise
        except Cut:
            self.closed = "cut"

    def _finish(self, exchange: Exchange) -> None:
        self.finished += exchange.greenlet is not None
        self.open.leave(exchange)


@pytest.mark.parametrize(("era", "ends"), [(Era.MODERN, "left"), (Era.LEGACY, "done")])
def test_a_client_that_leaves_has_cancelled_in_the_modern_era_only(era: Era, ends: str):
    streaming = Streaming(era)
    next(streaming.response)
    streaming.response.close()
    gevent.sleep(0.02)
    assert (streaming.closed, streaming.finished) == (ends, 1)


def test_what_was_cut_while_it_was_written_is_not_run_out():
    streaming = Streaming(Era.LEGACY)
    next(streaming.response)
    streaming.exchange.outcome = "cut"
    streaming.response.close()
    gevent.sleep(0.02)
    assert (streaming.closed, streaming.finished) == ("left", 1)


def test_a_cut_that_comes_before_the_rest_is_run_out_finishes_it_all_the_same():
    streaming = Streaming(Era.LEGACY)
    next(streaming.response)
    streaming.response.close()
    streaming.exchange.greenlet.throw(Cut(unauthorized()))
    gevent.sleep(0.02)
    assert (streaming.seen, streaming.finished) == (1, 1)
