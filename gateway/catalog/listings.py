"""A listing: what one server offers of one kind, and when to ask again.

Rule: an answer to a question that was put before the list was dropped does not count as fresh. Whoever has a last
good list does not wait long for the next one.
"""

from typing import NamedTuple

import gevent

from upstream.faults import UpstreamFault
from upstream.lists import Items

# A list younger than this is answered from memory.
FRESH_SECONDS = 10
# A server that did not answer is asked again sooner, so that its return is seen soon.
AGAIN_SECONDS = 2
# How long a server has for its list; so long is waited for one of which there is no last good list.
LIST_SECONDS = 5
# How long a list is held up for a server that has a last good list: its next one is fetched all the same.
HOLD_SECONDS = 0.25
# For how long the last good list of a server that is down stands in for it.
LAST_GOOD_SECONDS = 3600


class Fetch(NamedTuple):
    """A question under way. Times in seconds, monotonic."""

    greenlet: gevent.Greenlet
    began: float


class Listing:
    """`items` is None while there is no list that may be shown; `fault` is why the last question failed, else ''."""

    __slots__ = ("_ask_at", "_asked_at", "_dropped_at", "_not_before", "fault", "fetch", "items")

    def __init__(self) -> None:
        self.items: Items | None = None
        self.fault = ""
        self.fetch: Fetch | None = None
        self._asked_at = 0.0  # when the question was put that `items` answers
        self._ask_at = 0.0
        self._not_before = 0.0
        self._dropped_at = 0.0

    def is_due(self, now: float) -> bool:
        """Whether the server has to be asked now."""
        is_asked = self.fetch is not None and self.fetch.began >= self._dropped_at
        return not is_asked and now >= self.due_at

    @property
    def is_new(self) -> bool:
        """Whether the server has neither listed nor failed to."""
        return self.items is None and not self.fault

    @property
    def due_at(self) -> float:
        return max(self._ask_at, self._not_before)

    def drop(self, now: float) -> None:
        """What is known is old; a server that has asked for patience is asked no sooner for it."""
        self._dropped_at, self._ask_at = now, 0.0

    def take(self, items: Items, began: float, now: float) -> bool:
        """The answer to a question put at `began`; whether it says what nobody here expects.

        A list that is another one is news, unless it was dropped before and whoever asked has waited for the new one.
        """
        if began < self._asked_at:
            return False
        # A server that lists the same in another order has changed nothing: clients are promised that lists stay.
        is_other = self.items is None or sorted(items.items) != sorted(self.items.items)
        was_shown = self._asked_at > 0 or bool(self.fault)
        is_expected = self._asked_at < self._dropped_at <= began and now - began < HOLD_SECONDS
        if not is_other and self.items is not None:
            items = items._replace(items=self.items.items)  # the same object: what was merged from it stands
        self.items, self.fault, self._asked_at = items, "", began
        self._ask_at = began + FRESH_SECONDS if began >= self._dropped_at else 0.0
        return is_other and was_shown and not is_expected

    def fail(self, fault: UpstreamFault, began: float, now: float) -> None:
        """No answer to the question put at `began`."""
        if began < self._asked_at:
            return
        if now - self._asked_at > LAST_GOOD_SECONDS:
            self.items = None
        self.fault = fault.sentence
        self._ask_at = now + AGAIN_SECONDS
        self._not_before = now + (fault.retry_after or 0)

    def holds_until(self, now: float) -> float:
        """Until when a client may keep what is shown of this server."""
        if self.items is None or self.fault:
            return now
        return self._asked_at + self.items.ttl_ms / 1000
