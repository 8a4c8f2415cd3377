"""The one place that reads the time.

Rule: every timestamp is an aware UTC datetime, or microseconds since the Unix epoch.
"""

import time
from datetime import UTC, datetime

MICROSECONDS = 1_000_000


def now() -> datetime:
    return datetime.now(UTC)


def now_us() -> int:
    """Microseconds since the Unix epoch."""
    return time.time_ns() // 1000


def monotonic() -> float:
    """Seconds on a clock that never steps back; only differences mean anything."""
    return time.monotonic()


def from_us(microseconds: int) -> datetime:
    return datetime.fromtimestamp(microseconds / MICROSECONDS, UTC)


def to_us(moment: datetime) -> int:
    return round(moment.timestamp() * MICROSECONDS)
