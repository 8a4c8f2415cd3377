"""What one process bounds by itself."""

from gateway.limits import Buckets, Memory


def test_a_bucket_holds_its_burst_and_refills():
    buckets: Buckets[str] = Buckets(rate=2, burst=3, size=10)
    assert [buckets.take("a", 0.0) for _ in range(4)] == [True, True, True, False]
    assert buckets.take("a", 0.5)
    assert not buckets.take("a", 0.5)
    assert buckets.take("b", 0.5)


def test_a_bucket_never_holds_more_than_its_burst():
    buckets: Buckets[str] = Buckets(rate=100, burst=2, size=10)
    assert [buckets.take("a", 1000.0) for _ in range(3)] == [True, True, False]


def test_only_so_many_keys_are_remembered():
    buckets: Buckets[int] = Buckets(rate=0, burst=1, size=2)
    for key in (1, 2, 3):
        assert buckets.take(key, 0.0)
    assert buckets.take(1, 0.0)  # forgotten, so it begins anew
    assert not buckets.take(3, 0.0)


def test_a_memory_forgets_after_its_time_and_over_its_size():
    memory: Memory[int] = Memory(size=2, seconds=10)
    memory.add(1, 0.0)
    assert memory.holds(1, 9.9)
    assert not memory.holds(1, 10.0)
    for key in (1, 2, 3):
        memory.add(key, 20.0)
    assert [memory.holds(key, 20.0) for key in (1, 2, 3)] == [False, True, True]


def test_several_are_taken_together_or_not_at_all():
    buckets: Buckets[str] = Buckets(rate=1, burst=10, size=10)
    assert buckets.take("a", 0, 8)
    assert not buckets.take("a", 0, 3)
    assert buckets.take("a", 0, 2)
    assert not buckets.take("a", 0)
    assert buckets.take("a", 0, 0)
