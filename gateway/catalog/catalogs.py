"""The catalogs in use: what servers offered when they were last asked.

Rule: servers are asked in parallel; one that is down or slow neither fails nor slows the list: its last good list
stands in for a while. A catalog is as old as FRESH_SECONDS at most when it is listed.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import gevent

from common import clock
from gateway.catalog.merge import Merged, merge
from gateway.directory.snapshots import Server, Snapshot
from gateway.directory.upstreams import Upstreams
from gateway.protocol.methods import Kind
from gateway.turns import Turns
from upstream.faults import UpstreamFault

Key = TypeVar("Key")
Value = TypeVar("Value")

# A list younger than this is answered from memory; the modern era is told so (`ttlMs`).
FRESH_SECONDS = 10
# A list in which a server is missing is asked for again sooner, so that its return is seen soon.
INCOMPLETE_SECONDS = 2
# How long a list waits for a server: longer when there is no last good list that could stand in.
LIST_SECONDS = 1
FIRST_LIST_SECONDS = 5
# For how long the last good list of a server that is down stands in for it.
LAST_GOOD_SECONDS = 3600
# Of each workspace and environment up to four; beyond this many the rarely used ones are asked for anew.
MAX_CATALOGS = 4_000
MAX_LISTED = 16_000


class Place(NamedTuple):
    """What a catalog is of."""

    slug: str
    environment: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Listed:
    """A server's own list, and when it was asked (seconds, monotonic)."""

    items: list[bytes]
    at: float


@dataclass(frozen=True, slots=True)
class Catalog:
    """`missing`: the servers that did not answer, each with its fault's sentence."""

    merged: Merged
    version: int
    at: float
    missing: dict[Server, str]

    def is_fresh(self, now: float) -> bool:
        return now - self.at < (INCOMPLETE_SECONDS if self.missing else FRESH_SECONDS)


class Catalogs:
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._catalogs: OrderedDict[Place, Catalog] = OrderedDict()
        self._listed: OrderedDict[tuple[Place, str], Listed] = OrderedDict()
        self._building: Turns[Place] = Turns()

    def get(self, snapshot: Snapshot, environment: str, kind: Kind, *, fresh: bool) -> Catalog:
        """The catalog of this version of the workspace; with `fresh`, no older than FRESH_SECONDS."""
        place = Place(snapshot.slug, environment, kind)
        catalog = self._find(place, snapshot.version, fresh=fresh)
        if catalog is not None:
            return catalog
        with self._building.taken(place):
            catalog = self._find(place, snapshot.version, fresh=fresh)
            return catalog if catalog is not None else self._build(place, snapshot)

    def _find(self, place: Place, version: int, *, fresh: bool) -> Catalog | None:
        catalog = self._catalogs.get(place)
        if catalog is None or catalog.version != version:
            return None
        return catalog if not fresh or catalog.is_fresh(clock.monotonic()) else None

    def _build(self, place: Place, snapshot: Snapshot) -> Catalog:
        jobs = [gevent.spawn(self._list, place, snapshot, server) for server in snapshot.servers]
        gevent.joinall(jobs)
        lists: list[tuple[Server, list[bytes]]] = []
        missing: dict[Server, str] = {}
        for server, job in zip(snapshot.servers, jobs, strict=True):
            items, fault = job.get()
            lists.append((server, items))
            if fault:
                missing[server] = fault
        catalog = Catalog(merge(place.kind, lists), snapshot.version, clock.monotonic(), missing)
        _keep(self._catalogs, place, catalog, MAX_CATALOGS)
        return catalog

    def _list(self, place: Place, snapshot: Snapshot, server: Server) -> tuple[list[bytes], str]:
        """What the server offers now, else what it offered last; and what was wrong, '' when nothing was."""
        now = clock.monotonic()
        last = self._listed.get((place, server.definition))
        if last is not None and now - last.at > LAST_GOOD_SECONDS:
            last = None
        try:
            upstream = self._upstreams.get(snapshot, place.environment, server)
            items = upstream.list_items(place.kind.value.method, FIRST_LIST_SECONDS if last is None else LIST_SECONDS)
        except UpstreamFault as fault:
            return (last.items if last is not None else []), fault.sentence
        _keep(self._listed, (place, server.definition), Listed(items, now), MAX_LISTED)
        return items, ""


def _keep(memory: OrderedDict[Key, Value], key: Key, value: Value, size: int) -> None:
    """The oldest makes room for the newest."""
    memory[key] = value
    memory.move_to_end(key)
    if len(memory) > size:
        memory.popitem(last=False)
