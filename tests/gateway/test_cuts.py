"""A review ends with a yes or a no, however long nobody can tell; and no cut is lost on the way in."""

import uuid
from typing import Any

import gevent
import pytest

from common.admission.records import Answer, Question, Verdict
from gateway import cuts as cutting
from gateway.admission import Admission
from gateway.catalog.merge import Route
from gateway.cuts import Cuts
from gateway.directory.snapshots import Server, Snapshot, Snapshots
from gateway.exchange import Exchange
from gateway.open_exchanges import Cut, OpenExchanges
from gateway.protocol.jsonrpc import Message
from gateway.protocol.refusals import Refusal, unauthorized, unavailable
from gateway.stages.admit import admit

MAIN = Server(uuid.uuid4().hex, "main", "", "http://x/mcp", None, "s", 5, 60, "d1", "shared")
OK = Answer(Verdict.OK, version=1, ref="t|prod|")


def snapshot(version: int = 1, servers: tuple[Server, ...] = (MAIN,)) -> Snapshot:
    return Snapshot(uuid.uuid4().hex, "demo", "Demo", version, 60, b"", servers)


class Told(Admission):
    """Answers in turn what the test tells it to; the last one again and again."""

    def __init__(self, *answers: Answer | Refusal) -> None:
        self.answers = list(answers)
        self.asked = 0

    def ask(self, question: Question) -> Answer:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Refusal):
            raise answer
        return answer


def an_exchange() -> Exchange:
    exchange = Exchange({}, 0, "0-boot-1")
    exchange.slug, exchange.digest = "demo", b"d"
    exchange.message = Message(b"1", "tools/call", {})
    return exchange


def an_open_exchange(open_exchanges: OpenExchanges) -> tuple[Exchange, gevent.Greenlet]:
    """One that waits for its server; its greenlet's value is what it was cut with."""
    exchange = an_exchange()
    exchange.spoken, exchange.answer, exchange.snapshot = Any, OK, snapshot()  # type: ignore[assignment]  # how it speaks does not matter here
    exchange.route = Route(MAIN, "echo")

    def wait() -> Refusal | None:
        open_exchanges.enter(exchange)
        try:
            gevent.sleep(30)
        except Cut as cut:
            return cut.refusal
        finally:
            open_exchanges.leave(exchange)
        return None

    greenlet = gevent.spawn(wait)
    gevent.sleep(0)
    return exchange, greenlet


def a_review(admission: Admission, open_exchanges: OpenExchanges, servers: tuple[Server, ...] = (MAIN,)) -> Cuts:
    return Cuts(None, admission, Snapshots(lambda slug: snapshot(2, servers)), open_exchanges, None)  # type: ignore[arg-type]  # reads no cuts itself, and parks nothing


def test_what_nobody_can_tell_is_asked_again_until_the_no(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(cutting, "AGAIN_SECONDS", 0.01)
    open_exchanges = OpenExchanges(10, 10)
    exchange, waiting = an_open_exchange(open_exchanges)
    admission = Told(unavailable("down"), unavailable("down"), unavailable("down"), unauthorized())
    a_review(admission, open_exchanges).review([exchange])
    refusal = waiting.get(timeout=5)
    assert refusal.status == 401
    assert (exchange.outcome, admission.asked) == ("cut", 4)


def test_a_yes_lets_it_go_on():
    open_exchanges = OpenExchanges(10, 10)
    exchange, waiting = an_open_exchange(open_exchanges)
    a_review(Told(OK._replace(version=2)), open_exchanges).review([exchange])
    gevent.sleep(0.05)
    assert not waiting.ready()
    waiting.kill()


def test_a_server_that_is_no_longer_there_cuts_its_calls():
    open_exchanges = OpenExchanges(10, 10)
    exchange, waiting = an_open_exchange(open_exchanges)
    a_review(Told(OK._replace(version=2)), open_exchanges, servers=()).review([exchange])
    assert waiting.get(timeout=5).decision == "server_closed"


def test_no_cut_reaches_an_exchange_that_has_left():
    open_exchanges = OpenExchanges(10, 10)
    exchange, waiting = an_open_exchange(open_exchanges)
    waiting.kill()
    a_review(Told(unauthorized()), open_exchanges).review([exchange])
    open_exchanges.cut(exchange, unauthorized())
    gevent.sleep(0.01)
    assert exchange.outcome == "ok"


def test_a_cut_between_the_answer_and_the_snapshot_makes_admission_be_asked_again():
    exchange = an_exchange()
    admission = Told(OK, Answer(Verdict.DEAD))

    def load(slug: str) -> Snapshot:
        exchange.must_ask_again = True  # as a review does that comes by now
        return snapshot()

    question = Question("demo", b"d", "0-boot-1", 1, True)
    admission.refusal_for = lambda answer: unauthorized()  # type: ignore[method-assign]  # needs no window
    with pytest.raises(Refusal) as refused:
        admit(exchange, question, admission, Snapshots(load))
    assert refused.value.status == 401
    assert admission.asked == 2
    assert exchange.noted  # its first question was noted: it has to be ended
