"""What is said again and again is acted on now and then, and the last word always."""

from itertools import pairwise

import gevent

from common import clock
from gateway.watches.settling import Settling
from tests.gateway.greenlets import until


class Acts:
    """`done`: what was acted on, and when."""

    def __init__(self, *, quiet: float = 0.02, longest: float = 0.1, rest: float = 0.1) -> None:
        self.done: list[tuple[str, float]] = []
        self.settling = Settling(self._act, quiet=quiet, longest=longest, rest=rest)

    def _act(self, key: str) -> None:
        self.done.append((key, clock.monotonic()))


def test_what_is_said_several_times_in_a_moment_is_acted_on_once():
    acts = Acts(rest=0.01)
    for _ in range(5):
        acts.settling.note("a")
    acts.settling.note("b")
    assert acts.done == []
    until(lambda: len(acts.done) == 2)
    gevent.sleep(0.1)  # whatever else there were would be done by then
    assert sorted(key for key, _ in acts.done) == ["a", "b"]


def test_what_is_never_quiet_is_acted_on_all_the_same_but_not_without_a_rest():
    acts = Acts(quiet=0.05, longest=0.1, rest=0.1)
    while len(acts.done) < 3:
        acts.settling.note("a")
        gevent.sleep(0.01)
    times = [at for _, at in acts.done]
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(times))


def test_what_is_said_in_a_rest_is_acted_on_after_it():
    acts = Acts(quiet=0.01, rest=0.2)
    acts.settling.note("a")
    until(lambda: acts.done)
    acts.settling.note("a")
    until(lambda: len(acts.done) == 2)
    assert acts.done[1][1] - acts.done[0][1] >= 0.2


def test_what_is_said_while_it_is_acted_on_is_acted_on_again():
    done: list[str] = []

    def act(key: str) -> None:
        done.append(key)
        if len(done) == 1:
            settling.note(key)

    settling = Settling(act, quiet=0.01, longest=0.1, rest=0.01)
    settling.note("a")
    until(lambda: done == ["a", "a"])
