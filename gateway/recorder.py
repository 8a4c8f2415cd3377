"""Writes the end of each call to its stream in Redis, in batches.

Rule: an end stays here until Redis has confirmed it; when too many wait, new calls are refused rather than lost.
"""

from collections import deque

import gevent
from gevent.event import Event

from common import clock
from common.admission.ask import Asker
from common.admission.records import Ending
from common.errors import Unavailable

# One pipeline of this many ends takes a few milliseconds.
MAX_BATCH = 512
# With this many unwritten ends (some 50 MB) the gateway admits nothing more until Redis takes them.
MAX_WAITING = 100_000
# Ends are not urgent: a short rest lets many share one pipeline.
REST_SECONDS = 0.002
RETRY_SECONDS = 0.25


class Recorder:
    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._waiting: deque[Ending] = deque()
        self._wake = Event()

    @property
    def is_full(self) -> bool:
        return len(self._waiting) >= MAX_WAITING

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def end(self, ending: Ending) -> None:
        self._waiting.append(ending)
        self._wake.set()

    def end_in_doubt(self, slug: str, digest: bytes, call_id: str) -> None:
        """The end of a call that was not forwarded, but may have been noted: the reply to its question was lost."""
        began_us = int(call_id.partition("-")[0], 16)
        fields = {"at_us": began_us, "digest": digest.hex(), "outcome": "interrupted", "decision": "unavailable"}
        self.end(Ending(slug, call_id, fields, only_if_noted=True))

    def run(self) -> None:
        while True:
            self._wake.wait()
            self._wake.clear()
            while self._waiting:
                gevent.sleep(REST_SECONDS)
                self.flush()

    def flush(self) -> None:
        """Write what waits, at most one batch; on a fault of Redis rest, and leave it for the next turn."""
        batch = [self._waiting[index] for index in range(min(len(self._waiting), MAX_BATCH))]
        try:
            self._asker.end(batch)
        except Unavailable:
            gevent.sleep(RETRY_SECONDS)
            return
        for _ in batch:
            self._waiting.popleft()

    def drain(self, seconds: float) -> None:
        """Give Redis this long to take what still waits, before the process ends."""
        deadline = clock.monotonic() + seconds
        while self._waiting and clock.monotonic() < deadline:
            gevent.sleep(REST_SECONDS)
