"""What the gateway has put on record about a workspace.

Rule: read from its stream in Redis, where everything still is, for no ingest runs in a soak.
"""

from collections import Counter
from typing import NamedTuple, cast

from redis import Redis

from common import redis_keys
from common.admission.records import parse_record
from soaks.place import Place

Entry = tuple[bytes, dict[bytes, bytes]]


class Records(NamedTuple):
    """`ids` of all requests that took a place, as often as they are there; `outcomes` and `decisions` of `tools/call`
    alone. `open` counts requests that were begun and have no end on record."""

    ids: list[str]
    outcomes: Counter[str]
    decisions: Counter[str]
    open: int


def read_records(place: Place) -> Records:
    number = redis_keys.shard(place.slug)
    with Redis.from_url(place.resources.settings.redis_url) as client:
        entries = cast("list[Entry]", client.xrange(redis_keys.calls(number)))
        notes = [client.hlen(key) for key in client.scan_iter(redis_keys.notes(number, "*"))]
    records = [parse_record(fields[b"record"]) for _, fields in entries]
    calls = [record for record in records if record["method"] == "tools/call"]
    return Records(
        ids=[fields[b"id"].decode() for _, fields in entries],
        outcomes=Counter(record["outcome"] for record in calls),
        decisions=Counter(record["decision"] for record in calls),
        open=sum(notes),
    )
