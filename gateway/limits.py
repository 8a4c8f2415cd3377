"""Bounds of one process: a bucket per key, a memory of refused keys.

Rule: pure (the caller brings the time) and bounded (the oldest key makes room for the newest).
"""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Buckets(Generic[Key]):
    """Token buckets: `burst` at once, refilled by `rate` a second; at most `size` keys are remembered."""

    def __init__(self, *, rate: float, burst: float, size: int) -> None:
        self._rate = rate
        self._burst = burst
        self._size = size
        self._levels: OrderedDict[Key, tuple[float, float]] = OrderedDict()

    def take(self, key: Key, now: float, count: int = 1) -> bool:
        """Whether so many more fit for this key at `now` (seconds, monotonic): all of them or none."""
        level, since = self._levels.pop(key, (self._burst, now))
        level = min(self._burst, level + (now - since) * self._rate)
        fits = level >= count
        self._levels[key] = (level - count if fits else level, now)
        if len(self._levels) > self._size:
            self._levels.popitem(last=False)
        return fits


class Memory(Generic[Key]):
    """Remembers up to `size` keys for `seconds` each."""

    def __init__(self, *, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._until: OrderedDict[Key, float] = OrderedDict()

    def add(self, key: Key, now: float) -> None:
        self._until.pop(key, None)
        self._until[key] = now + self._seconds
        if len(self._until) > self._size:
            self._until.popitem(last=False)

    def holds(self, key: Key, now: float) -> bool:
        until = self._until.get(key)
        if until is None:
            return False
        if until <= now:
            del self._until[key]
            return False
        return True
