"""Ids are version 7 UUIDs in the order of their making."""

from common import clock, ids


def test_an_id_carries_the_time_of_its_making():
    before = clock.now_us() // 1000
    made = ids.new_id()
    assert made.version == 7
    assert before <= made.int >> 80 <= clock.now_us() // 1000


def test_ids_are_unique():
    assert len({ids.new_id() for _ in range(10_000)}) == 10_000


def test_only_a_uuid_is_found_in_a_text():
    made = ids.new_id()
    assert ids.find_id(str(made)) == made
    assert ids.find_id("not-an-id") is None
