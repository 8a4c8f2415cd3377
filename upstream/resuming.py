"""Resuming: a stream that ended before its answer goes on over a GET.

Rule: only where the server gave its events ids, and after the rest that it asked for. The call itself is never sent
again. Goes on for as long as the server gives new ids and the call has time; the same id is asked about a few times,
after longer and longer rests (MCP 2025-11-25 basic/transports §Resumability and Redelivery).
"""

import re
import threading
from collections.abc import Callable
from contextlib import suppress

from common.clock import monotonic
from upstream.connection import Connection, Deadline
from upstream.faults import UpstreamFault

REST_SECONDS = 1.0  # for a server that does not say how long
LEAST_REST_SECONDS = 0.1  # a server that asks for no rest at all would be asked in a hot loop
MAX_TRIES = 3  # with one id

# What a header can carry; a longer one than this is not worth sending.
_ID = re.compile(rb"[^\x00-\x1f\x7f]{1,1024}")


class Resuming:
    """Of one stream. `resume` opens the GET: None where the server does not go on, UpstreamFault when it failed."""

    __slots__ = ("_deadline", "_is_stopped", "_last_id", "_resume", "_tries")

    def __init__(self, resume: Callable[[bytes, float], Connection | None], deadline: Deadline):
        self._resume = resume
        self._deadline = deadline
        self._last_id = b""
        self._tries = 0
        self._is_stopped = threading.Event()

    def stop(self) -> None:
        """Whoever waits is woken, and does not go on."""
        self._is_stopped.set()

    def go_on(self, last_id: bytes, retry_ms: int | None) -> Connection | None:
        """The connection that brings what follows the event `last_id`; None when there is none."""
        if not _ID.fullmatch(last_id):
            return None
        if last_id != self._last_id:
            self._last_id, self._tries = last_id, 0
        rest = REST_SECONDS if retry_ms is None else max(retry_ms / 1000, LEAST_REST_SECONDS)
        while self._tries < MAX_TRIES:
            self._tries += 1
            if not self._wait(rest * 2 ** (self._tries - 1)):
                return None
            with suppress(UpstreamFault):  # it may be on its way up again; who speaks to us has the last word
                return self._resume(last_id, self._deadline.at)
        return None

    def _wait(self, seconds: float) -> bool:
        """Whether so much time has passed, and the call has some left."""
        until = monotonic() + seconds
        while (now := monotonic()) < until:
            if now >= self._deadline.at or self._is_stopped.wait(min(until, self._deadline.at) - now):
                return False
        return not self._is_stopped.is_set()
