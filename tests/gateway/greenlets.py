"""Waiting among greenlets: as tests/waiting.py, while the others go on."""

from collections.abc import Callable

import gevent

from common import clock


def until(look: Callable[[], object], seconds: float = 10.0) -> None:
    """Let the other greenlets run until `look` returns something truthy; fails when it does not."""
    deadline = clock.monotonic() + seconds
    while not look():
        assert clock.monotonic() < deadline, f"nothing after {seconds} s: {look}"
        gevent.sleep(0.002)  # a poll; the deadline bounds it
