"""The catalogs in use: what servers offered when they were last asked.

Rule: servers are asked in parallel; one that is down or slow neither fails nor slows the list: its last good list
stands in for a while. A catalog is as old as FRESH_SECONDS at most when it is listed.
"""

from collections import OrderedDict
from dataclasses import dataclass

import gevent
from gevent.lock import BoundedSemaphore

from common import clock
from gateway.catalog.merge import Merged, merge
from gateway.directory.snapshots import Server, Snapshot
from gateway.directory.upstreams import Upstreams
from upstream.faults import UpstreamFault

# A list younger than this is answered from memory; the modern era is told so (`ttlMs`).
FRESH_SECONDS = 10
# A list in which a server is missing is asked for again sooner, so that its return is seen soon.
INCOMPLETE_SECONDS = 2
# How long a list waits for a server: longer when there is no last good list that could stand in.
LIST_SECONDS = 1
FIRST_LIST_SECONDS = 5
# For how long the last good list of a server that is down stands in for it.
LAST_GOOD_SECONDS = 3600
MAX_CATALOGS = 2_000


@dataclass(slots=True)
class _Listed:
    tools: list[bytes]
    at: float


@dataclass(frozen=True, slots=True)
class Catalog:
    """`missing`: the servers that offered nothing because they did not answer, each with its fault's sentence."""

    merged: Merged
    version: int
    at: float
    missing: dict[Server, str]

    def is_fresh(self, version: int, now: float) -> bool:
        return self.version == version and now - self.at < (INCOMPLETE_SECONDS if self.missing else FRESH_SECONDS)


_Key = tuple[str, str]


class Catalogs:
    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams
        self._catalogs: OrderedDict[_Key, Catalog] = OrderedDict()
        self._listed: OrderedDict[tuple[_Key, Server], _Listed] = OrderedDict()
        self._building: dict[_Key, BoundedSemaphore] = {}

    def get(self, snapshot: Snapshot, environment: str, *, fresh: bool) -> Catalog:
        """The catalog of this version of the workspace; with `fresh`, no older than FRESH_SECONDS."""
        key = (snapshot.slug, environment)
        catalog = self._find(key, snapshot.version, fresh=fresh)
        if catalog is not None:
            return catalog
        turn = self._building.setdefault(key, BoundedSemaphore(1))
        try:
            with turn:
                catalog = self._find(key, snapshot.version, fresh=fresh)
                return catalog if catalog is not None else self._build(key, snapshot, environment)
        finally:
            self._building.pop(key, None)

    def _find(self, key: _Key, version: int, *, fresh: bool) -> Catalog | None:
        catalog = self._catalogs.get(key)
        if catalog is None or catalog.version != version:
            return None
        return catalog if not fresh or catalog.is_fresh(version, clock.monotonic()) else None

    def _build(self, key: _Key, snapshot: Snapshot, environment: str) -> Catalog:
        jobs = [gevent.spawn(self._list, key, snapshot, environment, server) for server in snapshot.servers]
        gevent.joinall(jobs)
        lists: list[tuple[Server, list[bytes]]] = []
        missing: dict[Server, str] = {}
        for server, job in zip(snapshot.servers, jobs, strict=True):
            tools, fault = job.get()
            lists.append((server, tools))
            if fault:
                missing[server] = fault
        catalog = Catalog(merge(lists), snapshot.version, clock.monotonic(), missing)
        self._catalogs[key] = catalog
        self._catalogs.move_to_end(key)
        if len(self._catalogs) > MAX_CATALOGS:
            self._catalogs.popitem(last=False)
        return catalog

    def _list(self, key: _Key, snapshot: Snapshot, environment: str, server: Server) -> tuple[list[bytes], str]:
        """The server's tools now, else its last good ones; and what was wrong, '' when nothing was."""
        now = clock.monotonic()
        try:
            with gevent.Timeout(
                LIST_SECONDS, UpstreamFault("timeout", f"{server.name} did not list its tools in time.")
            ):
                tools = self._upstreams.get(snapshot, environment, server).list_tools()
        except UpstreamFault as fault:
            last = self._listed.get((key, server))
            if last is not None and now - last.at < LAST_GOOD_SECONDS:
                return last.tools, fault.sentence
            return [], fault.sentence
        self._listed[(key, server)] = _Listed(tools, now)
        if len(self._listed) > MAX_CATALOGS:
            self._listed.popitem(last=False)
        return tools, ""
