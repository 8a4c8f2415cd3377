"""Of the sessions that processes open with one server one is kept, and everybody goes on with that."""

import resource
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from threading import Barrier

import pytest
from redis import Redis

from common.admission.line import connect
from gateway.mcp_sessions.upstream import KEPT_MS, SessionStores, StoredSessions
from tests.real.valkey import RealValkey
from tests.waiting import until
from upstream.parties import NOBODY, Kept, Party

DANA = Party("dana", b'{"elicitation":{}}')
FIRST = Kept("one!~", b'{"name": "a server", "era": "legacy"}')
SECOND = Kept("two", b"{}")
PLACE = ("demo", "prod", "a server")


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def store(client: Redis) -> StoredSessions:
    return SessionStores(client).make(*PLACE)


def life_ms(client: Redis) -> int:
    (key,) = client.keys("*upstream-session*")  # type: ignore[misc]  # redis-py types both of its clients
    return client.pttl(key)  # type: ignore[return-value]  # as above


def test_making_the_store_of_an_upstream_opens_no_file(client: Redis):
    stores = SessionStores(client)
    allowed = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, allowed[1]))
    try:
        store = stores.make(*PLACE)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, allowed)
    assert store.keep(DANA, FIRST, None) == FIRST


def test_what_one_process_keeps_another_finds(store: StoredSessions, client: Redis):
    assert store.find(DANA) is None
    assert store.keep(DANA, FIRST, None) == FIRST
    assert SessionStores(client).make(*PLACE).find(DANA) == FIRST


@pytest.mark.parametrize("place", [("other", *PLACE[1:]), ("demo", "test", PLACE[2]), ("demo", "prod", "another")])
def test_it_is_found_at_its_own_server_only(store: StoredSessions, client: Redis, place: tuple[str, str, str]):
    store.keep(DANA, FIRST, None)
    assert SessionStores(client).make(*place).find(DANA) is None


@pytest.mark.parametrize("party", [NOBODY, Party("erik", DANA.capabilities), Party("dana"), Party("", b"[]")])
def test_it_is_found_by_its_own_party_only(store: StoredSessions, party: Party):
    store.keep(DANA, FIRST, None)
    assert store.find(party) is None
    assert not store.drop(party, FIRST.session_id)


def test_of_many_that_are_opened_at_once_all_use_one(redis_url: str):
    rounds, processes = 50, 4
    barrier = Barrier(processes)

    def open_again_and_again(number: int) -> list[Kept]:
        with connect(redis_url) as client:
            store, used = SessionStores(client).make(*PLACE), []
            for turn in range(rounds):
                before = used[-1].session_id if used else None
                barrier.wait()
                used.append(store.keep(DANA, Kept(f"{number}-{turn}", b"{}"), before))
            return used

    with ThreadPoolExecutor(processes) as pool:
        used = list(pool.map(open_again_and_again, range(processes)))
    winners = [set(sessions) for sessions in zip(*used, strict=True)]
    assert [len(each) for each in winners] == [1] * rounds, "somebody uses a session that is not the one kept"
    assert [next(iter(each)).session_id.partition("-")[2] for each in winners] == [str(turn) for turn in range(rounds)]
    assert len(Counter(next(iter(each)).session_id[0] for each in winners)) > 1, "one process always won: no race"


def test_one_that_was_forgotten_is_replaced_once(store: StoredSessions):
    store.keep(DANA, FIRST, None)
    assert store.keep(DANA, SECOND, FIRST.session_id) == SECOND
    third = SECOND._replace(session_id="three")
    assert store.keep(DANA, third, FIRST.session_id) == SECOND, "another process was first"
    assert store.keep(DANA, third, None) == SECOND
    assert store.keep(DANA, third, "tw") == SECOND
    assert store.find(DANA) == SECOND


def test_in_place_of_one_that_has_expired_the_new_one_is_kept(store: StoredSessions):
    assert store.keep(DANA, SECOND, FIRST.session_id) == SECOND
    assert store.find(DANA) == SECOND


def test_only_the_very_session_is_dropped(store: StoredSessions):
    store.keep(DANA, FIRST, None)
    assert not store.drop(DANA, SECOND.session_id)
    assert not store.drop(DANA, FIRST.session_id[:-1])
    assert store.find(DANA) == FIRST
    assert store.drop(DANA, FIRST.session_id)
    assert store.find(DANA) is None
    assert not store.drop(DANA, FIRST.session_id)


def test_what_another_process_uses_is_not_dropped_for_being_idle_here(store: StoredSessions, client: Redis):
    store.keep(DANA, FIRST, None)
    assert not store.drop(DANA, FIRST.session_id, unused_for=60.0)
    (key,) = client.keys("*upstream-session*")  # type: ignore[misc]  # redis-py types both of its clients
    client.pexpire(key, KEPT_MS - 60_000)
    assert store.drop(DANA, FIRST.session_id, unused_for=60.0)


def test_it_is_kept_for_an_hour_after_it_was_last_used(store: StoredSessions, client: Redis):
    store.touch(DANA)
    assert store.find(DANA) is None, "nothing is made by touching it"
    store.keep(DANA, FIRST, None)
    assert 0 < life_ms(client) <= KEPT_MS
    (key,) = client.keys("*upstream-session*")  # type: ignore[misc]  # redis-py types both of its clients
    client.pexpire(key, 1000)
    store.touch(DANA)
    assert KEPT_MS - 60_000 < life_ms(client) <= KEPT_MS
    client.pexpire(key, 1)
    until(lambda: store.find(DANA) is None, every=0.001)
    store.touch(DANA)
    assert store.find(DANA) is None


def test_a_restart_of_redis_comes_between_and_nobody_notices(store: StoredSessions, valkey: RealValkey):
    store.keep(DANA, FIRST, None)
    valkey.restart()
    assert store.find(DANA) == FIRST
    assert store.keep(DANA, SECOND, FIRST.session_id) == SECOND


def test_without_redis_nothing_is_stored_and_nothing_fails(valkey: RealValkey, store: StoredSessions):
    with ExitStack() as stack:
        stack.callback(valkey.start)
        valkey.stop()
        assert store.find(DANA) is None
        assert store.keep(DANA, FIRST, None) == FIRST
        assert not store.drop(DANA, FIRST.session_id)
        store.touch(DANA)
    assert store.find(DANA) is None
    assert store.keep(DANA, SECOND, FIRST.session_id) == SECOND
