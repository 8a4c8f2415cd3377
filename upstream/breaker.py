"""Breaker: a server that keeps failing is left alone for a moment.

Rule: only faults that say the server is not there count, five in a row; whatever it answers closes it. A server that
was reached and took its time says neither: one slow tool, called by one token, must not keep all others from it. While
it is open, calls fail at once and say when it is tried again; one call at a time tries. A closed breaker costs a plain
call nothing more than an attribute.
"""

import math
import threading

from common.clock import monotonic
from upstream.faults import UpstreamFault

FAULTS_IN_A_ROW = 5
# Beside them the `timeout` of a connection that was not made in time.
OF_ABSENCE = frozenset({"dns", "refused", "reset", "server_error", "tls"})
FIRST_REST_SECONDS = 0.5
MOST_REST_SECONDS = 4.0  # a server that is back is in use again within five seconds
# A try that has no verdict after this long, as a slow tool has none, does not keep the next from being made.
TRY_SECONDS = 1.0


class Breaker:
    """Around each attempt: `with breaker:`; raises UpstreamFault `circuit_open` instead of letting it be made."""

    def __init__(self, authority: str):
        self._authority = authority
        self._lock = threading.Lock()
        self._in_a_row = 0
        self._rest = 0.0
        self._is_open = False
        self._is_tried = False
        self._until = 0.0

    def __enter__(self) -> None:
        if self._is_open:
            self._let_one_try()

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is None:
            if self._in_a_row:
                self._close()
        elif isinstance(error, UpstreamFault):
            if error.code in OF_ABSENCE or error.is_unreached:
                self._count()
            elif error.code != "timeout":
                self._close()

    def _let_one_try(self) -> None:
        with self._lock:
            left = self._until - monotonic()
            if left <= 0:
                self._until = monotonic() + TRY_SECONDS  # for all others, until this one is back
                self._is_tried = True
                return
        raise UpstreamFault(
            "circuit_open",
            f"{self._authority} has failed {self._in_a_row} times in a row and is left alone for a moment. "
            f"Try again in {math.ceil(left)} s.",
            retry_after=math.ceil(left),
        )

    def _count(self) -> None:
        with self._lock:
            self._in_a_row += 1
            if self._in_a_row < FAULTS_IN_A_ROW or (self._is_open and not self._is_tried):
                return  # the latter: what was under way when it opened says nothing new
            self._is_open, self._is_tried = True, False
            self._rest = min(max(self._rest * 2, FIRST_REST_SECONDS), MOST_REST_SECONDS)
            self._until = monotonic() + self._rest

    def _close(self) -> None:
        with self._lock:
            self._in_a_row = 0
            self._rest = 0.0
            self._is_open = False
