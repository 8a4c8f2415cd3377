"""Waiting for something to become true, with a deadline, in place of a sleep that hopes."""

import time
from collections.abc import Callable
from typing import TypeVar

Found = TypeVar("Found")


def until(look: Callable[[], Found], seconds: float = 10.0, every: float = 0.02) -> Found:
    """The first truthy thing that `look` returns; fails when there is none for `seconds`."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"nothing after {seconds} s: {look}"
        time.sleep(every)
    return found
