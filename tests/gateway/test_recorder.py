"""Ends of calls wait until Redis has confirmed them, in order, and never without bound."""

from collections.abc import Sequence

from gevent.event import Event

from common.admission.ask import Asker
from common.admission.records import Ending
from common.errors import Unavailable
from gateway import recorder as recording
from gateway.asking import spawn_forever
from gateway.recorder import Recorder


class Redis(Asker):
    def __init__(self) -> None:
        self.is_down = False
        self.was_refused = Event()
        self.batches: list[list[Ending]] = []

    def end(self, endings: Sequence[Ending]) -> int:
        if self.is_down:
            self.was_refused.set()
            raise Unavailable("down")
        self.batches.append(list(endings))
        return len(endings)


def ending(number: int) -> Ending:
    return Ending("demo", f"{number:x}-boot-1", {"outcome": "ok"})


def test_ends_are_written_in_batches_and_in_order():
    redis = Redis()
    recorder = Recorder(redis)
    running = spawn_forever(recorder.run, lambda fault: None)
    for number in range(2000):
        recorder.end(ending(number))
    recorder.drain(5)
    running.kill()
    written = [each.call_id for batch in redis.batches for each in batch]
    assert written == [ending(number).call_id for number in range(2000)]
    assert len(redis.batches) <= 2000 // recording.MAX_BATCH + 2


def test_what_redis_did_not_take_waits_and_is_written_when_it_is_back():
    redis = Redis()
    redis.is_down = True
    recorder = Recorder(redis)
    running = spawn_forever(recorder.run, lambda fault: None)
    recorder.end(ending(1))
    assert redis.was_refused.wait(5)
    assert recorder.waiting == 1
    redis.is_down = False
    recorder.drain(5)
    running.kill()
    assert redis.batches == [[ending(1)]]


def test_a_full_recorder_says_so():
    recorder = Recorder(Redis())
    for number in range(recording.MAX_WAITING):
        assert not recorder.is_full
        recorder.end(ending(number))
    assert recorder.is_full


def test_a_call_in_doubt_is_recorded_only_if_it_was_noted():
    redis = Redis()
    recorder = Recorder(redis)
    recorder.end_in_doubt("demo", b"\x01", "ff-boot-1")
    recorder.flush()
    (only,) = redis.batches[0]
    assert only.only_if_noted
    assert (only.fields["at_us"], only.fields["digest"], only.fields["outcome"]) == (255, "01", "interrupted")
