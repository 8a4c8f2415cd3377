"""When a server's list is asked for, what counts as fresh, and what is news."""

from gateway.catalog.listings import AGAIN_SECONDS, FRESH_SECONDS, HOLD_SECONDS, LAST_GOOD_SECONDS, Fetch, Listing
from upstream.faults import UpstreamFault
from upstream.lists import Items

OLD, NEW = Items([b'{"name":"a"}'], ttl_ms=60_000), Items([b'{"name":"b"}'])
AWAY = UpstreamFault("refused", "x refused the connection.")
# Long after the machine has started: what has never happened was long ago.
NOW = 1e6


def a_listing(items: Items = OLD, asked_at: float = NOW) -> Listing:
    listing = Listing()
    listing.take(items, asked_at, asked_at)
    return listing


def test_a_list_is_asked_for_at_first_and_when_it_is_no_longer_fresh():
    assert Listing().is_due(NOW)
    listing = a_listing()
    assert not listing.is_due(NOW + FRESH_SECONDS - 0.1)
    assert listing.is_due(NOW + FRESH_SECONDS)


def test_a_list_that_is_being_asked_for_is_not_asked_for_twice_unless_it_was_dropped_meanwhile():
    listing = Listing()
    listing.fetch = Fetch(None, NOW)  # type: ignore[arg-type]  # nobody waits for it
    assert not listing.is_due(NOW + 1)
    listing.drop(NOW + 2)
    assert listing.is_due(NOW + 2)


def test_an_answer_to_a_question_from_before_the_drop_is_not_fresh():
    listing = a_listing()
    listing.drop(NOW + 2)
    listing.take(OLD, NOW + 1, NOW + 3)
    assert listing.is_due(NOW + 3)


def test_a_late_answer_does_not_replace_a_newer_one():
    listing = a_listing(NEW, NOW + 5)
    assert not listing.take(OLD, NOW, NOW + 6)
    listing.fail(AWAY, NOW, NOW + 6)
    assert (listing.items, listing.fault) == (NEW, "")


def test_a_server_that_fails_is_asked_again_soon_and_its_last_good_list_stands_in_for_an_hour():
    listing = a_listing()
    listing.fail(AWAY, NOW + 20, NOW + 21)
    assert (listing.items, listing.fault) == (OLD, AWAY.sentence)
    assert not listing.is_due(NOW + 21 + AGAIN_SECONDS - 0.1)
    assert listing.is_due(NOW + 21 + AGAIN_SECONDS)
    listing.fail(AWAY, NOW + LAST_GOOD_SECONDS, NOW + LAST_GOOD_SECONDS + 1)
    assert listing.items is None


def test_a_server_that_asks_for_patience_is_left_alone_even_when_its_list_is_dropped():
    listing = a_listing()
    listing.fail(UpstreamFault("rate_limited", "later", retry_after=30), NOW + 20, NOW + 20)
    listing.drop(NOW + 21)
    assert not listing.is_due(NOW + 49)
    assert listing.is_due(NOW + 50)


def test_another_list_is_news_unless_it_was_dropped_and_came_in_time():
    listing = a_listing()
    assert not listing.take(OLD, NOW + 10, NOW + 10)
    assert listing.take(NEW, NOW + 20, NOW + 20)
    listing.drop(NOW + 30)
    assert not listing.take(OLD, NOW + 30, NOW + 30 + HOLD_SECONDS / 2)
    listing.drop(NOW + 40)
    assert listing.take(NEW, NOW + 40, NOW + 40 + HOLD_SECONDS)


def test_the_first_list_is_no_news_but_that_of_a_server_that_has_come_back_is():
    assert not Listing().take(OLD, NOW, NOW)
    listing = Listing()
    listing.fail(AWAY, NOW, NOW)
    assert listing.take(OLD, NOW + 3, NOW + 3)


def test_another_order_is_no_other_list():
    listing = a_listing(Items([b'{"name":"a"}', b'{"name":"b"}']))
    assert not listing.take(Items([b'{"name":"b"}', b'{"name":"a"}']), NOW + 20, NOW + 20)
    assert listing.items is not None
    assert listing.items.items == [b'{"name":"a"}', b'{"name":"b"}']


def test_a_list_that_stays_the_same_stays_the_same_object_and_is_kept_for_as_long_as_the_newest_says():
    listing = a_listing()
    listing.take(Items([*OLD.items], ttl_ms=5_000), NOW + 10, NOW + 10)
    assert listing.items is not None
    assert listing.items.items is OLD.items
    assert listing.holds_until(NOW + 11) == NOW + 15
    listing.fail(AWAY, NOW + 12, NOW + 12)
    assert listing.holds_until(NOW + 12) == NOW + 12
