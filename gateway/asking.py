"""Many greenlets' questions to Redis, joined into one pipeline at a time.

Rule: while one pipeline is under way the next questions gather; every waiter is woken, whatever happens. A call that
was admitted for somebody who has gone is ended here, so that no note of it stays behind.
"""

from collections import deque
from collections.abc import Callable

import gevent
from gevent.event import Event
from gevent.hub import Waiter, get_hub

from common.admission.ask import Asker
from common.admission.records import Answer, Question, Verdict
from gateway.protocol.refusals import unavailable

# More than this in one pipeline only lengthens the wait of its first question.
MAX_BATCH = 256
# Beyond this the wait would be longer than a client's patience: better an early 503.
MAX_WAITING = 8192

_UNANSWERED = Answer(Verdict.UNAVAILABLE, in_doubt=True)


class _Waiting:
    __slots__ = ("gone", "question", "waiter")

    def __init__(self, question: Question) -> None:
        self.question = question
        self.waiter: Waiter[Answer] = Waiter()
        self.gone = False


class Questions:
    """Asks for whoever calls `ask`, from one greenlet of its own (`run`)."""

    def __init__(self, asker: Asker, abandoned: Callable[[Question], None]) -> None:
        self._asker = asker
        self._abandoned = abandoned
        self._waiting: deque[_Waiting] = deque()
        self._wake = Event()

    def ask(self, question: Question) -> Answer:
        """Blocks this greenlet until the answer is there; Refusal (503) when too many wait already."""
        if len(self._waiting) >= MAX_WAITING:
            raise unavailable("The gateway is overloaded. Try again in a second.", decision="overload")
        entry = _Waiting(question)
        self._waiting.append(entry)
        self._wake.set()
        try:
            return entry.waiter.get()
        except BaseException:
            entry.gone = True
            raise

    def run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), MAX_BATCH))]
                self._answer(batch)

    def _answer(self, batch: list[_Waiting]) -> None:
        answers: list[Answer] = []
        try:
            answers = self._asker.ask([entry.question for entry in batch])
        finally:
            # Even a fault that nobody foresaw must leave no greenlet waiting for ever.
            answers += [_UNANSWERED] * (len(batch) - len(answers))
            wake = get_hub().loop.run_callback
            for entry, answer in zip(batch, answers, strict=True):
                wake(self._deliver, entry, answer)

    def _deliver(self, entry: _Waiting, answer: Answer) -> None:
        """Runs in the hub, so nothing comes between the look at `gone` and the switch."""
        if not entry.gone:
            entry.waiter.switch(answer)
        elif answer.verdict.is_noted or answer.in_doubt:
            self._abandoned(entry.question)


def spawn_forever(run: Callable[[], None], report: Callable[[BaseException], None]) -> gevent.Greenlet:
    """Run a loop in a greenlet that begins anew, a second later, when a fault ends it."""

    def keep_running() -> None:
        while True:
            try:
                run()
            except Exception as fault:  # noqa: BLE001 - a loop that everything depends on must survive any fault
                report(fault)
                gevent.sleep(1)  # so that a fault that stays does not fill the log or the processor

    return gevent.spawn(keep_running)
