"""Flight: what several want and one does.

Rule: the others wait, and get what came of it: the thing, or the fault.
"""

import threading
from collections.abc import Callable
from typing import TypeVar

from common.clock import monotonic
from upstream.connection import time_left
from upstream.faults import UpstreamFault

T = TypeVar("T")


class Flight:
    __slots__ = ("_fault", "_fault_at", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fault: UpstreamFault | None = None
        self._fault_at = 0.0

    def take(self, find: Callable[[], T | None], make: Callable[[], T], deadline: float, authority: str) -> T:
        """What `find` finds, else what `make` makes, once at a time; raises UpstreamFault."""
        asked_at = monotonic()
        if not self._lock.acquire(timeout=time_left(deadline)):
            raise UpstreamFault("timeout", f"{authority} did not open in time.")
        try:
            found = find()
            if found is not None:
                return found
            # Whoever had less time than we have ran out of it for himself alone.
            if self._fault is not None and self._fault_at > asked_at and self._fault.code != "timeout":
                raise self._fault.again()
            try:
                return make()
            except UpstreamFault as fault:
                self._fault, self._fault_at = fault, monotonic()
                raise
        finally:
            self._lock.release()
