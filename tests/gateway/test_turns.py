"""Of many that want the same thing, one makes it; the others wait, and look again."""

import gevent

from gateway.turns import Turns


def test_one_at_a_time_per_key_and_the_others_know_that_they_waited():
    turns: Turns[str] = Turns()
    inside: list[str] = []
    waited: list[bool] = []

    def work(key: str) -> None:
        with turns.taken(key) as had_to_wait:
            waited.append(had_to_wait)
            assert key not in inside
            inside.append(key)
            gevent.sleep(0)
            inside.remove(key)

    jobs = [gevent.spawn(work, key) for key in ("a", "a", "a", "b")]
    gevent.joinall(jobs, timeout=5, raise_error=True)
    assert sorted(waited) == [False, False, True, True]


def test_a_newcomer_after_the_first_has_left_still_waits_for_the_second():
    turns: Turns[str] = Turns()
    working = 0
    most = 0

    def work() -> None:
        nonlocal working, most
        with turns.taken("a"):
            working += 1
            most = max(most, working)
            gevent.sleep(0.001)
            working -= 1

    jobs = [gevent.spawn(work) for _ in range(3)]
    gevent.sleep(0.0015)
    jobs += [gevent.spawn(work) for _ in range(3)]
    gevent.joinall(jobs, timeout=5, raise_error=True)
    assert most == 1


def test_a_turn_that_fails_lets_the_next_one_in():
    turns: Turns[str] = Turns()

    def fail() -> None:
        with turns.taken("a"):
            raise ValueError

    job = gevent.spawn(fail)
    job.join(5)
    with turns.taken("a") as had_to_wait:
        assert not had_to_wait
