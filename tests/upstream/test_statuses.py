"""What a status tells: how long a server asks to be left alone."""

import pytest
import time_machine

from upstream.statuses import read_retry_after


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"7", 7),
        (b" 7 ", 7),
        (b"0", 0),
        (b"999999999999999", 3600),
        (b"Fri, 20 Nov 2026 12:00:30 GMT", 30),
        (b"Fri, 20 Nov 2026 11:00:00 GMT", 0),
        (b"Fri, 20 Nov 2099 12:00:30 GMT", 3600),
        (b"Fri, 20 Nov 2026 12:00:30 -0000", None),
        (b"-1", None),
        (b"1.5", None),
        (b"soon", None),
        (b"\xb2", None),
        (b"", None),
    ],
)
@time_machine.travel("2026-11-20T12:00:00Z", tick=False)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(value: bytes, seconds: int | None) -> None:
    assert read_retry_after({b"retry-after": value}) == seconds


def test_nothing_said_is_nothing_known() -> None:
    assert read_retry_after({}) is None
