"""Entries come once to one consumer, and to another when the first has died with them."""

from collections.abc import Iterator

import pytest
from redis import Redis

from common import redis_keys
from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.records import Ending
from tests.webapp.jobs.ingest.test_records import FIELDS
from webapp.jobs.ingest import streams
from webapp.jobs.ingest.streams import CallStreams, connect_streams

SLUGS = ("demo", "dev-tools", "another", "stoa-team")


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect_streams(redis_url) as connected:
        yield connected


def end(redis_url: str, *ids: str) -> None:
    """As the gateway writes the ends of calls."""
    asker = Asker(connect(redis_url), boot="b", window_us=1)
    asker.end([Ending(SLUGS[number % len(SLUGS)], call_id, FIELDS) for number, call_id in enumerate(ids)])
    asker.close()


def ids(entries: list[streams.Entry]) -> list[str]:
    return sorted(entry.call.row["id"] for entry in entries if entry.call)


def left(client: Redis) -> int:
    return sum(int(client.xlen(redis_keys.calls(redis_keys.shard(slug)))) for slug in SLUGS)  # type: ignore[arg-type]  # the stubs mix the asynchronous client in


def test_entries_of_all_shards_are_read_once_and_gone_when_acknowledged(client: Redis, redis_url: str):
    first, second = CallStreams(client, "one"), CallStreams(client, "two")
    end(redis_url, "a", "b", "c", "d", "e")
    assert first.read(1) == []  # the groups are made here, and begin at the beginning
    taken = first.read(1)
    assert ids(taken) == ["a", "b", "c", "d", "e"]
    assert second.read(1) == []
    assert left(client) == 5
    first.acknowledge(taken)
    assert left(client) == 0
    assert first.claim_abandoned() == []


def test_what_a_dead_consumer_held_goes_to_a_living_one(client: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(streams, "ABANDONED_MS", 0)
    dead, living = CallStreams(client, "dead"), CallStreams(client, "living")
    dead.read(1)
    end(redis_url, "a", "b")
    assert ids(dead.read(1)) == ["a", "b"]
    claimed = living.claim_abandoned()
    assert ids(claimed) == ["a", "b"]
    living.acknowledge(claimed)
    assert left(client) == 0


def test_a_redis_that_was_emptied_is_read_from_the_beginning(client: Redis, redis_url: str):
    reader = CallStreams(client, "one")
    reader.read(1)
    client.flushall()
    end(redis_url, "a")
    assert reader.claim_abandoned() == []
    assert ids(reader.read(1)) == ["a"]


def test_a_consumer_that_is_gone_is_forgotten_unless_it_left_something(
    client: Redis, redis_url: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(streams, "FORGOTTEN_MS", -1)
    idle, holding = CallStreams(client, "idle"), CallStreams(client, "holding")
    idle.read(1)
    idle.read(1)
    end(redis_url, "a")
    holding.read(1)
    CallStreams(client, "new").forget_the_dead()
    (key,) = [key for key in streams.KEYS if client.xlen(key)]
    assert [consumer["name"] for consumer in client.xinfo_consumers(key, streams.GROUP)] == [b"holding"]  # type: ignore[union-attr]  # as above
