"""What a call has been told and its client has not yet taken.

Rule: bounded in bytes, not in messages: whoever brings more waits until there is room, and so does the server behind.
"""

from typing import Generic, TypeVar

from gevent.event import Event
from gevent.queue import Queue

Item = TypeVar("Item")


class Unread(Generic[Item]):
    def __init__(self, max_bytes: int) -> None:
        """One item more than `max_bytes` have room for is taken, whatever its size."""
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: Queue[tuple[Item, int]] = Queue()
        self._has_room = Event()

    def put(self, item: Item, size: int) -> None:
        """Waits for room."""
        while self._bytes > self._max_bytes:
            self._has_room.clear()
            self._has_room.wait()
        self._bytes += size
        self._items.put((item, size))

    def get(self, timeout: float) -> Item:
        """Raises gevent.queue.Empty after so many seconds."""
        item, size = self._items.get(timeout=timeout)
        self._bytes -= size
        self._has_room.set()
        return item
