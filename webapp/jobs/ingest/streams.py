"""The streams of ended calls, read as a consumer group.

Rule: an entry is acknowledged and deleted only after its row has been committed. What a dead consumer took and did not
acknowledge is claimed by a living one. Reads all shards in one command, so it needs a plain Redis.
"""

from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from common import redis_keys
from webapp.jobs.ingest.records import Entry, parse_entry

GROUP = "ingest"
PER_STREAM = 100
# Longer than a batch takes to be written; a slower consumer's entries may be written twice, which the ids forgive.
ABANDONED_MS = 10_000
# A consumer that has had nothing for an hour and asked for nothing is the name of a process that is gone.
FORGOTTEN_MS = 3_600_000

# Longer than a read blocks, so that only a dead connection runs into it.
TIMEOUT_SECONDS = 5.0

KEYS = tuple(redis_keys.calls(shard) for shard in range(redis_keys.SHARDS))


def connect_streams(url: str) -> Redis:
    """A client whose replies have the shapes of RESP2, as the reading below expects."""
    return Redis.from_url(url, protocol=2, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)


class CallStreams:
    """`consumer` names this process, and no other one. Everything may raise RedisError."""

    def __init__(self, client: Redis, consumer: str) -> None:
        self._client = client
        self._consumer = consumer

    def read(self, block_ms: int) -> list[Entry]:
        """New entries, after waiting for the first one for at most `block_ms`."""
        try:
            reply: Any = self._client.xreadgroup(
                GROUP, self._consumer, dict.fromkeys(KEYS, ">"), count=PER_STREAM, block=block_ms
            )
        except ResponseError as error:
            self._create_groups(error)
            return []
        return [entry for stream, entries in reply for entry in _parse(stream.decode(), entries)]

    def claim_abandoned(self) -> list[Entry]:
        """Entries that somebody took and has not acknowledged for too long."""
        batch = self._client.pipeline(transaction=False)
        for key in KEYS:
            batch.xautoclaim(key, GROUP, self._consumer, ABANDONED_MS, count=PER_STREAM)
        try:
            replies = batch.execute()
        except ResponseError as error:
            self._create_groups(error)
            return []
        return [entry for key, reply in zip(KEYS, replies, strict=True) for entry in _parse(key, reply[1])]

    def acknowledge(self, entries: Sequence[Entry]) -> None:
        """Their rows are committed: they may go."""
        batch = self._client.pipeline(transaction=False)
        for stream, group in groupby(sorted(entries, key=attrgetter("stream")), attrgetter("stream")):
            ids = [entry.entry_id for entry in group]
            batch.xack(stream, GROUP, *ids)
            batch.xdel(stream, *ids)
        batch.execute()

    def forget_the_dead(self) -> None:
        """Removes the names of consumers that are gone and left nothing behind."""
        batch = self._client.pipeline(transaction=False)
        for key in KEYS:
            batch.xinfo_consumers(key, GROUP)
        for key, consumers in zip(KEYS, batch.execute(raise_on_error=False), strict=True):
            # A shard that has no group yet answers with an error, and has nobody to forget.
            for consumer in consumers if isinstance(consumers, list) else ():
                if consumer["pending"] == 0 and consumer["idle"] > FORGOTTEN_MS:
                    self._client.xgroup_delconsumer(key, GROUP, consumer["name"])

    def _create_groups(self, error: ResponseError) -> None:
        """Redis is new or was emptied: the groups begin at the beginning, so that nothing written meanwhile is lost."""
        # In a pipeline the reply's own words come after those of the client.
        if "NOGROUP" not in str(error):
            raise error
        batch = self._client.pipeline(transaction=False)
        for key in KEYS:
            batch.xgroup_create(key, GROUP, id="0", mkstream=True)
        for reply in batch.execute(raise_on_error=False):
            if isinstance(reply, ResponseError) and not str(reply).startswith("BUSYGROUP"):
                raise reply


def _parse(stream: str, entries: Iterable[Any]) -> list[Entry]:
    return [parse_entry(stream, entry_id, fields) for entry_id, fields in entries]
