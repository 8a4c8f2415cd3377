"""A password is right or not, and an unknown user takes as long as a known one."""

import time

import pytest

from common.errors import Invalid
from webapp.services import passwords


def test_a_password_is_recognised_and_another_is_not():
    stored = passwords.hash_password("pässwörd ✓ 123")
    assert passwords.is_password(stored, "pässwörd ✓ 123")
    assert not passwords.is_password(stored, "pässwörd ✓ 124")
    assert not passwords.is_password(stored, "p" * 1_000_000)


def test_nobody_has_a_password_and_is_asked_for_as_long():
    stored = passwords.hash_password("correct horse battery")

    def fastest(of: str | None) -> float:
        times = []
        for _ in range(5):
            begun = time.process_time()
            assert not passwords.is_password(of, "something else")
            times.append(time.process_time() - begun)
        return min(times)

    assert 0.5 < fastest(None) / fastest(stored) < 2


@pytest.mark.parametrize("password", ["", "p" * 9, "p" * 201])
def test_too_short_and_too_long_are_refused(password: str):
    with pytest.raises(Invalid):
        passwords.hash_password(password)


def test_what_is_no_hash_is_never_right():
    assert not passwords.is_password("not a hash", "correct horse battery")
