"""Turns: of many greenlets that want the same thing made, one makes it.

Rule: whoever had to wait looks again before making it once more. Keeps nothing for keys that nobody waits for.
"""

from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

from gevent.lock import BoundedSemaphore

Key = TypeVar("Key", bound=Hashable)


class _Turn:
    __slots__ = ("semaphore", "wanted")

    def __init__(self) -> None:
        self.semaphore = BoundedSemaphore(1)
        self.wanted = 0


class Turns(Generic[Key]):
    def __init__(self) -> None:
        self._turns: dict[Key, _Turn] = {}

    @contextmanager
    def taken(self, key: Key) -> Iterator[bool]:
        """Inside, this greenlet alone works on the key; the value says whether it had to wait for that."""
        turn = self._turns.setdefault(key, _Turn())
        had_to_wait = turn.wanted > 0
        turn.wanted += 1
        try:
            with turn.semaphore:
                yield had_to_wait
        finally:
            turn.wanted -= 1
            if not turn.wanted:
                del self._turns[key]
