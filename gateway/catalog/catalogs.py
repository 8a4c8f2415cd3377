"""The catalogs in use: what servers offered when they were last asked.

Rule: servers are asked in parallel; one that is down or slow neither fails nor slows the list: its last good list
stands in for a while, and is replaced behind the scenes. A catalog is as old as FRESH_SECONDS at most when it is
listed, and older than no change that a server has told of.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import gevent

from common import clock
from gateway.catalog.listings import HOLD_SECONDS, LIST_SECONDS, Fetch, Listing
from gateway.catalog.merge import Merged, Route, merge
from gateway.directory.snapshots import Server, Snapshot
from gateway.directory.upstreams import Upstreams
from gateway.places import Place
from gateway.protocol.methods import Kind
from gateway.signals import Changed
from gateway.turns import Turns
from upstream.faults import UpstreamFault

# Of each workspace and environment up to four; beyond this many the rarely used ones are asked for anew.
MAX_SHELVES = 4_000
# A workspace may get another server at any time: nobody is told to keep a list for longer than this.
MAX_TTL_SECONDS = 60

_Key = tuple[str, str, Kind]  # slug, environment


@dataclass(slots=True)
class Catalog:
    """`missing`: the servers that did not answer, each with its fault's sentence. Times in seconds, monotonic.

    `parts` are the lists that it was merged from, and None where there was none. `is_dropped`: a change was told of
    since, and nobody has looked for what it is.
    """

    merged: Merged
    version: int
    servers: tuple[Server, ...]
    parts: list[list[bytes] | None]
    missing: dict[Server, str]
    fresh_until: float
    kept_until: float
    is_dropped: bool = False

    def ttl_ms(self, now: float) -> int:
        """For how long a client may keep it."""
        return max(0, int(min(self.kept_until - now, MAX_TTL_SECONDS) * 1000))


class _Shelf:
    """What is kept of one kind at one place: each server's list, by its definition, and what they were merged into."""

    __slots__ = ("catalog", "listings")

    def __init__(self) -> None:
        self.catalog: Catalog | None = None
        self.listings: dict[str, Listing] = {}


class Catalogs:
    def __init__(self, upstreams: Upstreams, tell_all: Callable[[Changed], None]) -> None:
        """`tell_all` is told of a list that turns out to be another one than was shown."""
        self._upstreams = upstreams
        self._tell_all = tell_all
        self._shelves: OrderedDict[_Key, _Shelf] = OrderedDict()
        self._building: Turns[_Key] = Turns()

    def get(self, snapshot: Snapshot, environment: str, kind: Kind, *, fresh: bool) -> Catalog:
        """The catalog of this version of the workspace; with `fresh`, no older than FRESH_SECONDS."""
        key = (snapshot.slug, environment, kind)
        catalog = self._find(key, snapshot.version, fresh=fresh)
        if catalog is not None:
            if catalog.is_dropped:  # good enough for this call; the next ones are routed by what there is now
                catalog.is_dropped = False
                gevent.spawn(self.get, snapshot, environment, kind, fresh=True)
            return catalog
        with self._building.taken(key):
            catalog = self._find(key, snapshot.version, fresh=fresh)
            return catalog if catalog is not None else self._build(key, snapshot)

    def look_up(
        self, snapshot: Snapshot, environment: str, kinds: Sequence[Kind], name: str
    ) -> tuple[Route | None, set[str]]:
        """Where a name or URI leads. What is not known is looked for once more in fresh catalogs.

        With it, where it leads nowhere, the names of the servers that could not be asked.
        """
        missing: set[str] = set()
        for fresh in (False, True):
            for kind in kinds:
                catalog = self.get(snapshot, environment, kind, fresh=fresh)
                found = catalog.merged.find(name)
                if found is not None:
                    return found, missing
                if fresh:
                    missing.update(server.name for server in catalog.missing)
        return None, missing

    def find_owner(self, snapshot: Snapshot, environment: str, uri: str) -> Server | None:
        """The server whose resource this is."""
        found, _ = self.look_up(snapshot, environment, (Kind.RESOURCES, Kind.TEMPLATES), uri)
        return None if found is None else found.server

    def find_owners(self, snapshot: Snapshot, environment: str, uris: Iterable[str]) -> dict[str, Server]:
        """The server of each resource that has one, in their order."""
        owners: dict[str, Server] = {}
        for number, uri in enumerate(uris):
            if number:
                gevent.sleep(0)  # each may take milliseconds where servers offer many templates: others go between
            owner = self.find_owner(snapshot, environment, uri)
            if owner is not None:
                owners[uri] = owner
        return owners

    def drop(self, place: Place, method: str) -> None:
        """What this method lists is old. Calls are still routed by it, until the next list is there."""
        now = clock.monotonic()
        for kind in Kind:
            shelf = self._shelves.get((place.slug, place.environment, kind)) if _changes_with(kind) == method else None
            if shelf is None:
                continue
            for listing in shelf.listings.values():
                listing.drop(now)
            if shelf.catalog is not None:
                shelf.catalog.fresh_until, shelf.catalog.is_dropped = now, True

    def _find(self, key: _Key, version: int, *, fresh: bool) -> Catalog | None:
        shelf = self._shelves.get(key)
        catalog = shelf.catalog if shelf is not None else None
        if catalog is None or catalog.version != version:
            return None
        return catalog if not fresh or clock.monotonic() < catalog.fresh_until else None

    def _build(self, key: _Key, snapshot: Snapshot) -> Catalog:
        shelf = self._shelves.setdefault(key, _Shelf())
        self._shelves.move_to_end(key)
        if len(self._shelves) > MAX_SHELVES:
            self._shelves.popitem(last=False)
        kept = {server.definition: shelf.listings.get(server.definition) or Listing() for server in snapshot.servers}
        shelf.listings = kept
        self._refresh(key, snapshot, shelf)
        _wait(list(kept.values()))
        shelf.catalog = catalog = _assemble(key[2], snapshot, shelf)
        return catalog

    def _refresh(self, key: _Key, snapshot: Snapshot, shelf: _Shelf) -> None:
        now = clock.monotonic()
        for server in snapshot.servers:
            listing = shelf.listings[server.definition]
            if listing.is_due(now):
                asking = gevent.spawn(self._ask, key, snapshot, server, shelf, listing, now)
                listing.fetch = Fetch(asking, now)

    def _ask(
        self, key: _Key, snapshot: Snapshot, server: Server, shelf: _Shelf, listing: Listing, began: float
    ) -> None:
        slug, environment, kind = key
        is_news = False
        try:
            upstream = self._upstreams.get(snapshot, environment, server)
            items = upstream.list_items(kind.value.method, LIST_SECONDS)
            is_news = listing.take(items, began, clock.monotonic())
        except UpstreamFault as fault:
            listing.fail(fault, began, clock.monotonic())
        finally:
            if listing.fetch is not None and listing.fetch.began == began:
                listing.fetch = None
        if shelf.catalog is not None:
            shelf.catalog.fresh_until = 0.0  # whoever lists next sees what this one said
        if is_news:
            self._tell_all(Changed(slug, environment, _changes_with(kind)))


def _changes_with(kind: Kind) -> str:
    """The method of the list whose changes are told: templates are resources, of which nothing is told alone."""
    return (Kind.RESOURCES if kind is Kind.TEMPLATES else kind).value.method


def _wait(listings: Sequence[Listing]) -> None:
    """Hold the list up for the servers that are being asked: a moment, or longer for one of which nothing is known."""
    for listing in listings:
        if listing.fetch is not None:
            patience = LIST_SECONDS if listing.is_new else HOLD_SECONDS
            listing.fetch.greenlet.join(max(0.0, listing.fetch.began + patience - clock.monotonic()))


def _assemble(kind: Kind, snapshot: Snapshot, shelf: _Shelf) -> Catalog:
    now = clock.monotonic()
    listings = [shelf.listings[server.definition] for server in snapshot.servers]
    parts = [listing.items.items if listing.items is not None else None for listing in listings]
    missing = {
        server: listing.fault or f"{server.name} has not answered yet."
        for server, listing in zip(snapshot.servers, listings, strict=True)
        if listing.fault or listing.items is None
    }
    return Catalog(
        _merged(kind, snapshot, parts, shelf.catalog),
        snapshot.version,
        snapshot.servers,
        parts,
        missing,
        # What is being asked still ends the catalog's freshness by itself.
        min((listing.due_at for listing in listings if listing.fetch is None), default=now + LIST_SECONDS),
        min((listing.holds_until(now) for listing in listings), default=now + MAX_TTL_SECONDS),
    )


def _merged(kind: Kind, snapshot: Snapshot, parts: list[list[bytes] | None], last: Catalog | None) -> Merged:
    """Merging anew what has not changed would only cost time."""
    if (
        last is not None
        and last.servers == snapshot.servers
        and all(part is its for part, its in zip(parts, last.parts, strict=True))
    ):
        return last.merged
    return merge(kind, [(server, part or []) for server, part in zip(snapshot.servers, parts, strict=True)])
