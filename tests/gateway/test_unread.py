"""What waits for a slow client is bounded in bytes."""

import gevent
import pytest
from gevent.queue import Empty

from gateway.unread import Unread


def test_whoever_brings_more_than_there_is_room_for_waits_until_some_is_taken():
    unread: Unread[str] = Unread(max_bytes=10)
    unread.put("a", 8)
    unread.put("b", 8)  # one more than there is room for
    bringing = gevent.spawn(unread.put, "c", 1)
    gevent.sleep(0.01)
    assert not bringing.ready()
    assert unread.get(timeout=1) == "a"
    bringing.join(1)
    assert bringing.ready()
    assert [unread.get(timeout=1), unread.get(timeout=1)] == ["b", "c"]


def test_one_item_of_any_size_is_taken_and_its_room_comes_back():
    unread: Unread[str] = Unread(max_bytes=10)
    for _ in range(3):
        unread.put("large", 1_000)
        assert unread.get(timeout=1) == "large"
    with pytest.raises(Empty):
        unread.get(timeout=0)
