"""Settling: what is said several times in a moment is acted on once.

Rule: acted on after a moment of quiet, or when that does not come, after the longest wait; and then not again before
a rest. What is said while something is acted on, or in its rest, is acted on afterwards: nothing is lost.
"""

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

import gevent

from common import clock

Key = TypeVar("Key", bound=Hashable)


class _Noted:
    """When it was said first and last since it was acted on; None: not at all."""

    __slots__ = ("first", "last")

    def __init__(self, now: float) -> None:
        self.first: float | None = now
        self.last = now


class Settling(Generic[Key]):
    """All times in seconds."""

    def __init__(self, act: Callable[[Key], None], *, quiet: float, longest: float, rest: float) -> None:
        self._act = act
        self._quiet = quiet
        self._longest = longest
        self._rest = rest
        self._noted: dict[Key, _Noted] = {}

    def note(self, key: Key) -> None:
        now = clock.monotonic()
        noted = self._noted.get(key)
        if noted is None:
            self._noted[key] = _Noted(now)
            gevent.spawn(self._settle, key)
            return
        noted.last = now
        if noted.first is None:
            noted.first = now

    def _settle(self, key: Key) -> None:
        noted = self._noted[key]
        try:
            while noted.first is not None:
                while (left := min(noted.last + self._quiet, noted.first + self._longest) - clock.monotonic()) > 0:
                    gevent.sleep(left)
                noted.first = None
                self._act(key)
                gevent.sleep(self._rest)
                if noted.first is not None:
                    noted.first = clock.monotonic()  # what was said in the rest has its moment of quiet as well
        finally:
            del self._noted[key]
