"""Every call that was noted as begun is ended, whatever became of it."""

from types import SimpleNamespace

import pytest

from common.admission.records import Answer, Ending, Verdict
from gateway.app import Gateway
from gateway.exchange import Exchange
from gateway.open_exchanges import OpenExchanges
from gateway.recorder import Recorder
from upstream.answers import Reply


def test_a_call_whose_reply_cannot_be_closed_is_recorded_all_the_same():
    class Broken(Reply):
        def close(self) -> None:
            raise OSError("the socket is gone")

    ended: list[Ending] = []
    recorder = Recorder(None)  # type: ignore[arg-type]  # writes nothing here
    recorder.end = ended.append  # type: ignore[method-assign]  # what it is handed is what counts
    gateway = Gateway.__new__(Gateway)
    gateway._parts = SimpleNamespace(recorder=recorder, open_exchanges=OpenExchanges(1, 1))  # type: ignore[assignment]  # the parts that an end needs
    exchange = Exchange({}, 0, "0-boot-1")
    exchange.answer, exchange.noted, exchange.reply = Answer(Verdict.OK, ref="t|prod|"), True, Broken(None)
    with pytest.raises(OSError, match="gone"):
        gateway._finish(exchange)
    assert [each.call_id for each in ended] == ["0-boot-1"]
