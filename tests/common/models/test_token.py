"""A token is active until it is revoked or its time is over."""

from datetime import UTC, datetime, timedelta

from common.models import Token

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_token_without_an_end_stays_active():
    assert Token(revoked_at=None, expires_at=None).is_active(NOW)


def test_a_token_ends_at_the_moment_that_was_set_not_after_it():
    token = Token(revoked_at=None, expires_at=NOW)
    assert token.is_active(NOW - timedelta(microseconds=1))
    assert not token.is_active(NOW)


def test_a_revoked_token_is_not_active_whatever_its_end():
    assert not Token(revoked_at=NOW, expires_at=NOW + timedelta(days=1)).is_active(NOW)
