"""The work of the ingest: read, write, acknowledge, over and over.

Rule: a batch is kept until it is both committed and acknowledged; a database or Redis that is slow or gone is waited
for, with growing pauses. Stopping loses nothing: what was not acknowledged is delivered again.
"""

import threading
from collections.abc import Sequence

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, IntegrityError, SQLAlchemyError

from common import clock
from webapp.jobs.ingest.records import Entry
from webapp.jobs.ingest.rows import insert_calls
from webapp.jobs.ingest.streams import CallStreams
from webapp.resources import Resources

# How long one read waits for news, and so how long a stop may take.
BLOCK_MS = 1000
CLAIM_SECONDS = 5.0
CHUNK = 500
FIRST_PAUSE = 0.2
LONGEST_PAUSE = 5.0

log = structlog.get_logger(__name__)


class Ingest:
    def __init__(self, resources: Resources, streams: CallStreams) -> None:
        self._resources = resources
        self._streams = streams
        self._held: list[Entry] = []
        self._claimed_at = float("-inf")

    def run(self, stop: threading.Event) -> None:
        """Works until `stop` is set."""
        pause = FIRST_PAUSE
        while not stop.is_set():
            try:
                self.turn(BLOCK_MS)
                pause = FIRST_PAUSE
            except (RedisError, OSError, SQLAlchemyError) as fault:
                log.warning("ingest_waits", fault=type(fault).__name__, held=len(self._held), seconds=pause)
                stop.wait(pause)
                pause = min(2 * pause, LONGEST_PAUSE)

    def turn(self, block_ms: int) -> int:
        """One batch; how many entries it had. On a fault the batch is kept for the next turn."""
        if not self._held:
            self._held = self._streams.read(block_ms)
        if not self._held and clock.monotonic() - self._claimed_at > CLAIM_SECONDS:
            self._held = self._streams.claim_abandoned()
            self._claimed_at = clock.monotonic()
        for start in range(0, len(self._held), CHUNK):
            self._write(self._held[start : start + CHUNK])
        count = len(self._held)
        if self._held:
            self._streams.acknowledge(self._held)
            self._held = []
        return count

    def _write(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            if entry.call is None:
                log.error("call_unreadable", stream=entry.stream, entry=entry.entry_id.decode(), fault=entry.fault)
        try:
            with self._resources.transaction(write=True) as ctx:
                insert_calls(ctx.session, [entry.call for entry in entries if entry.call is not None])
        except (DataError, IntegrityError) as fault:
            if len(entries) == 1:
                log.error("call_refused", entry=entries[0].entry_id.decode(), fault=str(fault.orig))
                return
            # One record that the database will never take must not keep the others out.
            for entry in entries:
                self._write([entry])
