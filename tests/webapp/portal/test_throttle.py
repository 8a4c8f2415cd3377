"""The sign-in throttle, on a real Valkey."""

import pytest

from common.errors import TooManyAttempts, Unavailable
from tests.real.valkey import RealValkey
from webapp.portal.throttle import PER_ADDRESS, PER_EMAIL, WINDOW_SECONDS, Throttle


@pytest.fixture
def throttle(redis_url: str) -> Throttle:
    return Throttle(redis_url)


def refused(throttle: Throttle, address: str, email: str) -> bool:
    try:
        throttle.count(address=address, email=email)
    except TooManyAttempts as error:
        return 0 < error.retry_after <= WINDOW_SECONDS
    return False


def test_one_email_address_is_tried_ten_times_from_anywhere(throttle: Throttle) -> None:
    tries = [refused(throttle, f"192.0.2.{number}", "Alice@Example.test ") for number in range(PER_EMAIL + 2)]
    assert tries == [False] * PER_EMAIL + [True] * 2
    assert not refused(throttle, "192.0.2.1", "bob@example.test")


def test_one_address_tries_so_many_email_addresses(throttle: Throttle) -> None:
    tries = [refused(throttle, "192.0.2.1", f"user{number}@example.test") for number in range(PER_ADDRESS + 2)]
    assert tries == [False] * PER_ADDRESS + [True] * 2


def test_the_addresses_of_one_ipv6_network_count_as_one(throttle: Throttle) -> None:
    tries = [refused(throttle, f"2001:db8::{number:x}", f"user{number}@x.test") for number in range(PER_ADDRESS + 1)]
    assert tries[-1]
    assert not refused(throttle, "2001:db8:0:1::1", "other@x.test")


def test_clearing_forgets_the_email_address_only(throttle: Throttle) -> None:
    for number in range(PER_EMAIL):
        throttle.count(address=f"192.0.2.{number}", email="alice@example.test")
    throttle.clear("ALICE@example.test")
    assert not refused(throttle, "192.0.2.1", "alice@example.test")


def test_without_redis_nothing_is_counted_and_so_nobody_is_let_in(redis_url: str, valkey: RealValkey) -> None:
    throttle = Throttle(redis_url)
    throttle.ping()
    valkey.stop()
    try:
        with pytest.raises(Unavailable):
            throttle.count(address="192.0.2.1", email="alice@example.test")
        with pytest.raises(Unavailable):
            throttle.ping()
        throttle.clear("alice@example.test")
    finally:
        valkey.start()
    throttle.count(address="192.0.2.1", email="alice@example.test")


def test_ipv4_clients_of_a_listener_for_both_do_not_share_one_count(throttle: Throttle) -> None:
    for number in range(PER_ADDRESS + 1):
        refused(throttle, "::ffff:192.0.2.1", f"user{number}@x.test")
    assert refused(throttle, "192.0.2.1", "again@x.test")
    assert not refused(throttle, "::ffff:192.0.2.2", "other@x.test")
