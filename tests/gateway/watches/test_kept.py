"""A watch is kept open, whatever becomes of it, and whoever may have missed something is told so."""

from collections.abc import Iterator
from typing import Any

import gevent
import pytest
from gevent.queue import Queue
from msgspec import Raw

from common import clock
from gateway.watches import kept as keeping
from gateway.watches.kept import KeptWatch, answer_alone
from tests.gateway.greenlets import until
from upstream.faults import UpstreamFault
from upstream.requests import Message

NONE: frozenset[str] = frozenset()
A, B, AB = frozenset("a"), frozenset("b"), frozenset("ab")
CUT = UpstreamFault("cut", "x was cut.")


class Line:
    """A watch that says what the test puts into it; None is its end, a fault how it breaks."""

    def __init__(self, uris: frozenset[str]) -> None:
        self.uris = uris
        self.said: Queue[Message | UpstreamFault | None] = Queue()
        self.answers: list[tuple[Raw, Message]] = []
        self.is_closed = False

    def messages(self) -> Iterator[Message]:
        while (said := self.said.get()) is not None:
            if isinstance(said, UpstreamFault):
                raise said
            yield said

    def answer(self, request_id: Raw, outcome: Message) -> None:
        self.answers.append((request_id, outcome))

    def close(self) -> None:
        self.is_closed = True
        self.said.put(None)


class Bench:
    """What a kept watch did to its surroundings, in order."""

    def __init__(self) -> None:
        self.lines: list[Line] = []
        self.done: list[Any] = []
        self.faults: list[UpstreamFault] = []
        self.tries: list[float] = []

    def keep(self, wanted: frozenset[str] = NONE) -> KeptWatch:
        return KeptWatch(
            self._open,  # type: ignore[arg-type]  # a Line does as a Watch does
            lambda line, message: self.done.append(message),
            lambda: self.done.append("began"),
            lambda uris: self.done.append(("missed", uris)),
            wanted,
        )

    def _open(self, uris: frozenset[str]) -> Line:
        self.tries.append(clock.monotonic())
        if self.faults:
            raise self.faults.pop(0)
        self.lines.append(Line(uris))
        return self.lines[-1]


@pytest.fixture(autouse=True)
def short_rests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "FIRST_REST_SECONDS", 0.02)
    monkeypatch.setattr(keeping, "LONGEST_REST_SECONDS", 0.08)
    monkeypatch.setattr(keeping, "REARRANGE_SECONDS", 0.05)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_a_watch_that_opens_says_so_and_hears(bench: Bench):
    kept = bench.keep(A)
    assert kept.settled.wait(5)
    said: Message = {"method": Raw(b'"x"')}
    bench.lines[0].said.put(said)
    until(lambda: bench.done == ["began", said])
    kept.close()
    until(lambda: bench.lines[0].is_closed)


def test_a_server_that_fails_is_tried_again_after_longer_and_longer_rests_and_may_have_changed_meanwhile(bench: Bench):
    bench.faults = [UpstreamFault("no_stream", "x tells of nothing.")] * 4
    kept = bench.keep(A)
    assert kept.settled.wait(5)
    until(lambda: bench.done == [("missed", A)])
    rests = [later - earlier for earlier, later in zip(bench.tries, bench.tries[1:], strict=False)]
    assert len(rests) == 4
    assert all(rest >= least for rest, least in zip(rests, (0.02, 0.04, 0.08, 0.08), strict=True))
    kept.close()


@pytest.mark.parametrize("end", [None, CUT])
def test_a_watch_that_ends_is_opened_anew_and_what_was_missed_counts_as_changed(bench: Bench, end: Any):
    kept = bench.keep(A)
    assert kept.settled.wait(5)
    bench.lines[0].said.put(end)
    until(lambda: bench.done == ["began", ("missed", A)])
    assert len(bench.lines) == 2
    until(lambda: bench.lines[0].is_closed)
    kept.close()


def test_what_is_wanted_beside_is_watched_before_the_old_watch_is_let_go_of(bench: Bench):
    kept = bench.keep(A)
    assert kept.settled.wait(5)
    kept.want(AB)
    assert not kept.settled.is_set()
    assert kept.settled.wait(5)
    until(lambda: bench.lines[0].is_closed)
    assert [line.uris for line in bench.lines] == [A, AB]
    assert not bench.lines[1].is_closed
    assert bench.done == ["began"]
    kept.want(B)  # less than what is watched: nothing is done for it
    assert kept.settled.is_set()
    gevent.sleep(0.1)  # whatever were done would be done by then
    assert len(bench.lines) == 2
    kept.close()


def test_wishes_that_come_one_by_one_are_not_each_a_new_watch(bench: Bench):
    kept = bench.keep()
    assert kept.settled.wait(5)
    for number in range(50):
        kept.want(frozenset(str(each) for each in range(number)))
        gevent.sleep(0.001)
    assert kept.settled.wait(5)
    assert len(bench.lines) <= 5
    assert len(bench.lines[-1].uris) == 49
    kept.close()


def test_a_server_that_says_too_much_is_read_more_slowly(bench: Bench, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(keeping, "MESSAGES_PER_SECOND", 10)
    kept = bench.keep()
    assert kept.settled.wait(5)
    for _ in range(100):
        bench.lines[0].said.put({"method": Raw(b'"x"')})
    gevent.sleep(0.2)  # the rest of the second is its rest
    assert len(bench.done) == 1 + 10
    kept.close()


def test_whoever_asks_where_nobody_is_gets_an_answer():
    line = Line(NONE)
    answer_alone(line, {"id": Raw(b"1"), "method": Raw(b'"ping"')})  # type: ignore[arg-type]  # as above
    answer_alone(line, {"id": Raw(b"2"), "method": Raw(b'"sampling/createMessage"')})  # type: ignore[arg-type]  # as above
    until(lambda: len(line.answers) == 2)
    assert [(bytes(id), *outcome) for id, outcome in line.answers] == [(b"1", "result"), (b"2", "error")]
