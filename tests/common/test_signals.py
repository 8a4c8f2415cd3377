"""Signals reach who lives, once, in order, and are kept within bounds while nobody reads them."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from redis import Redis

from common import redis_keys
from common.admission.line import connect
from common.admission.records import GATEWAY_SECONDS
from common.clock import monotonic
from common.errors import Unavailable
from common.signals import INBOX_MS, KEPT, KEPT_IN_INBOX, READ_AT_ONCE, Signals
from tests.contracts.lossy import LossyProxy
from tests.real.valkey import RealValkey
from tests.waiting import until

Join = Callable[[str], Signals]


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def join(client: Redis) -> Iterator[Join]:
    """Makes the signals of a living gateway that has begun to listen."""
    with ExitStack() as stack:

        def join(boot: str) -> Signals:
            signals = stack.enter_context(closing(Signals(client, boot)))
            client.set(redis_keys.gateway(boot), "1", ex=GATEWAY_SECONDS)
            assert signals.read(1) == []
            return signals

        yield join


def read_all(signals: Signals) -> list[bytes]:
    bodies: list[bytes] = []
    while some := signals.read(1):
        bodies += some
    return bodies


def test_everybody_else_hears_what_is_told_to_all_once_and_in_order(join: Join):
    first, second, third = join("1"), join("2"), join("3")
    first.broadcast(b"one")
    second.broadcast(b"\xfftwo")
    assert read_all(first) == [b"\xfftwo"]
    assert read_all(second) == [b"one"]
    assert read_all(third) == [b"one", b"\xfftwo"]


def test_only_the_one_hears_what_is_told_to_one(join: Join):
    first, second, third = join("1"), join("2"), join("3")
    assert first.send("2", b"for you")
    assert second.send("2", b"for me")
    assert read_all(second) == [b"for you", b"for me"]
    assert read_all(first) == read_all(third) == []


def test_who_comes_later_hears_what_is_told_from_then_on(join: Join):
    first = join("1")
    first.broadcast(b"before")
    second = join("2")
    first.broadcast(b"after")
    assert read_all(second) == [b"after"]


def test_what_was_told_to_one_before_it_began_to_read_is_not_lost(client: Redis, join: Join):
    with closing(Signals(client, "2")) as second:
        client.set(redis_keys.gateway("2"), "1", ex=GATEWAY_SECONDS)
        assert join("1").send("2", b"early")
        assert second.read(1) == [b"early"]


def test_a_gateway_that_has_ended_is_told_nothing(client: Redis, join: Join):
    first = join("1")
    assert not first.send("nobody", b"hello")
    join("2")
    client.delete(redis_keys.gateway("2"))
    assert not first.send("2", b"hello")
    assert client.exists(redis_keys.inbox("nobody"), redis_keys.inbox("2")) == 0


def test_a_reader_wakes_at_once(join: Join):
    first, second = join("1"), join("2")
    with ThreadPoolExecutor() as pool:
        began = monotonic()
        waiting = pool.submit(second.read, 5_000)
        first.broadcast(b"news")
        assert waiting.result() == [b"news"]
    assert monotonic() - began < 2


def test_without_news_a_reader_waits_no_longer_than_it_says(join: Join):
    first = join("1")
    began = monotonic()
    assert first.read(200) == []
    assert 0.19 < monotonic() - began < 2


class TestBounds:
    def test_ten_thousand_signals_that_nobody_reads_stay_within_bounds(self, client: Redis, join: Join):
        first, second = join("1"), join("2")
        for number in range(10_000):
            first.broadcast(b"%d" % number)
            first.send("2", b"%d" % number)
        # Redis drops whole blocks of entries (100 by default), so a stream may hold a block more.
        assert client.xlen(redis_keys.signals()) <= KEPT + 100
        assert client.xlen(redis_keys.inbox("2")) <= KEPT_IN_INBOX + 100
        assert len(second.read(1)) == 2 * READ_AT_ONCE, "some at a time"
        heard = read_all(second)
        assert heard.count(b"9999") == 2, "the latest are kept"
        assert len(heard) <= KEPT + KEPT_IN_INBOX + 200

    def test_what_was_read_of_an_inbox_makes_room(self, client: Redis, join: Join):
        first, second = join("1"), join("2")
        for _ in range(500):
            first.send("2", bytes(1000))
        assert len(read_all(second)) == 500
        assert client.xlen(redis_keys.inbox("2")) <= 1

    def test_an_inbox_that_nobody_writes_to_is_forgotten(self, client: Redis, join: Join):
        first, second = join("1"), join("2")
        first.send("2", b"one")
        assert GATEWAY_SECONDS * 1000 < client.pttl(redis_keys.inbox("2")) <= INBOX_MS
        assert read_all(second) == [b"one"]
        client.delete(redis_keys.inbox("2"))
        first.send("2", b"two")
        assert read_all(second) == [b"two"]


class TestFaults:
    def test_a_restart_of_redis_loses_nothing_that_was_acknowledged(self, valkey: RealValkey, join: Join):
        first, second = join("1"), join("2")
        first.broadcast(b"one")
        first.send("2", b"two")
        assert sorted(second.read(1)) == [b"one", b"two"]
        first.broadcast(b"three")
        first.send("2", b"four")
        valkey.restart()
        heard = until(lambda: read_when_it_answers(second))
        first.broadcast(b"five")
        assert first.send("2", b"six"), "its lease was kept, too"
        assert sorted(heard + read_all(second)) == [b"five", b"four", b"six", b"three"]

    def test_after_a_flush_what_is_told_from_then_on_is_heard(self, client: Redis, valkey: RealValkey, join: Join):
        first, second = join("1"), join("2")
        first.broadcast(b"before")
        first.send("2", b"before")
        assert len(second.read(1)) == 2
        client.flushall()

        def tell_and_read() -> list[bytes]:
            """Again, since a stream that begins anew within the same millisecond begins with the same id."""
            first.broadcast(b"after")
            return second.read(1)

        assert until(tell_and_read)[-1] == b"after"

    def test_a_redis_that_counts_from_below_is_read_from_its_start(self, client: Redis, valkey: RealValkey, join: Join):
        second = join("2")
        client.xadd(redis_keys.signals(), {"body": b"before"}, id=f"{1 << 50}-0")
        client.xadd(redis_keys.inbox("2"), {"body": b"before"}, id=f"{1 << 50}-0")
        assert len(second.read(1)) == 2
        client.delete(redis_keys.signals(), redis_keys.inbox("2"))
        first = join("1")
        first.broadcast(b"to all")
        first.send("2", b"to one")
        valkey.restart()
        assert until(lambda: read_when_it_answers(second)) == [b"to all", b"to one"]

    def test_while_redis_is_gone_nobody_waits_for_ever(self, valkey: RealValkey, join: Join):
        first = join("1")
        valkey.stop()
        began = monotonic()
        try:
            for attempt in (lambda: first.broadcast(b""), lambda: first.send("1", b""), lambda: first.read(100)):
                with pytest.raises(Unavailable):
                    attempt()
        finally:
            valkey.start()
        assert monotonic() - began < 5
        first.broadcast(b"heard by nobody")
        assert read_all(first) == []

    def test_what_is_told_to_one_is_not_told_twice_when_the_reply_is_lost(
        self, valkey: RealValkey, client: Redis, join: Join, tmp_path: Path
    ):
        second = join("2")
        with LossyProxy(tmp_path / "proxy.sock", valkey.socket) as proxy, connect(proxy.url) as lossy:
            first = Signals(lossy, "1")
            proxy.lose_the_reply_to(b"once")
            with pytest.raises(Unavailable):
                first.send("2", b"once")
        assert read_all(second) == [b"once"]

    def test_a_reading_whose_reply_is_lost_is_read_again(
        self, valkey: RealValkey, client: Redis, join: Join, tmp_path: Path
    ):
        first = join("1")
        client.set(redis_keys.gateway("2"), "1", ex=GATEWAY_SECONDS)
        with (
            LossyProxy(tmp_path / "proxy.sock", valkey.socket) as proxy,
            connect(proxy.url) as lossy,
            closing(Signals(lossy, "2")) as second,
        ):
            assert second.read(1) == []
            first.send("2", b"one")
            assert second.read(1) == [b"one"]
            first.send("2", b"two")
            first.broadcast(b"three")
            proxy.lose_the_reply_to(b"XREAD")
            with pytest.raises(Unavailable):
                second.read(1)
            assert sorted(read_all(second)) == [b"three", b"two"]


def read_when_it_answers(signals: Signals) -> list[bytes]:
    try:
        return read_all(signals)
    except Unavailable:
        return []
