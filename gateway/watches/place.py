"""A watched place: its servers, heard for what its streams want.

Rule: every server has one watch for all streams of the place; a server that keeps a session for each client is
followed in each of these sessions instead. What streams want is arranged for in one greenlet, one change at a time.
"""

import math
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import NamedTuple

import gevent
from gevent.event import Event
from gevent.lock import BoundedSemaphore

from common import clock
from gateway.catalog.catalogs import Catalogs
from gateway.directory.snapshots import Server, Snapshot
from gateway.directory.upstreams import OF_CLIENT, Upstreams
from gateway.open_streams import OpenStream, OpenStreams, lineage
from gateway.places import Place
from gateway.protocol.jsonrpc import Members
from gateway.protocol.subscriptions import CHANGED, CHANGES, UPDATED, decode_method, find_uri
from gateway.relayed import RelayedRequests
from gateway.watches.followed import FollowedSession
from gateway.watches.kept import KeptWatch, answer_alone
from upstream.client import Upstream
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.parties import Party
from upstream.watches import Watch


class World(NamedTuple):
    """What all watched places of a process share. `note` is told which list of a place has changed; `room` is how
    many more watches may be open."""

    streams: OpenStreams
    upstreams: Upstreams
    catalogs: Catalogs
    relayed: RelayedRequests
    note: Callable[[tuple[Place, str]], None]
    room: BoundedSemaphore


class WatchedPlace:
    """`left_at`: since when it has had no streams; `review_at`: when its tokens are asked about next."""

    def __init__(self, place: Place, snapshot: Snapshot, world: World) -> None:
        self.place = place
        self.snapshot = snapshot
        self.left_at = math.inf
        self.review_at = clock.monotonic()
        self._world = world
        self._uris: frozenset[str] = frozenset()
        self._kept: dict[str, KeptWatch] = {}
        self._followed: dict[tuple[str, Party], FollowedSession] = {}
        self._must_arrange = False
        self._arranging: gevent.Greenlet | None = None
        self._is_arranged = Event()
        self._is_closed = False

    @property
    def keeps_clients_apart(self) -> bool:
        return any(server.sessions == OF_CLIENT for server in self.snapshot.servers)

    def covers(self, stream: OpenStream) -> bool:
        """Whether nothing is to be done for it."""
        return self._is_arranged.is_set() and not self.keeps_clients_apart and self._uris.issuperset(stream.wants.uris)

    def arrange(self) -> None:
        """See to it that everything is watched that is wanted now. Does not wait for it."""
        self._is_arranged.clear()
        self._must_arrange = True
        if self._arranging is None and not self._is_closed:
            self._arranging = gevent.spawn(self._arrange_all)

    def wait_settled(self, seconds: float) -> None:
        deadline = clock.monotonic() + seconds
        self._is_arranged.wait(seconds)
        for kept in self._all():
            kept.settled.wait(max(0.0, deadline - clock.monotonic()))

    def say_in_use(self) -> None:
        """An upstream that is watched is not idle, even when nobody calls it."""
        for server in self.snapshot.servers:
            with suppress(UpstreamFault):  # its watch tells the same, and rests
                self._upstream(server)

    def close(self) -> list[gevent.Greenlet]:
        """Those that say farewell to the servers. Whatever is still being arranged for comes to nothing."""
        self._is_closed = True
        if self._arranging is not None:
            self._arranging.kill(block=False)
        closing = [self._let_go(kept) for kept in self._all()]
        self._kept, self._followed = {}, {}
        return [farewell for farewell in closing if farewell is not None]

    def _all(self) -> list[KeptWatch]:
        return [*self._kept.values(), *(followed.kept for followed in self._followed.values())]

    def _arrange_all(self) -> None:
        try:
            while self._must_arrange:
                self._must_arrange = False
                self._arrange()
        finally:
            self._arranging = None
            self._is_arranged.set()

    def _arrange(self) -> None:
        snapshot = self.snapshot
        wanted = self._wanted_by_server(snapshot)
        for server in snapshot.servers:
            kept = self._kept.get(server.definition)
            if kept is None:
                self._keep(server, wanted[server.definition])
            else:
                kept.want(wanted[server.definition])
            if server.sessions == OF_CLIENT:
                self._follow(server, wanted[server.definition])
        definitions = {server.definition for server in snapshot.servers}
        for definition in self._kept.keys() - definitions:
            self._let_go(self._kept.pop(definition))
        for key in [key for key in self._followed if key[0] not in definitions]:
            self._let_go(self._followed.pop(key).kept)

    def _wanted_by_server(self, snapshot: Snapshot) -> dict[str, frozenset[str]]:
        self._uris = self._world.streams.wanted_uris(self.place)
        wanted: defaultdict[str, set[str]] = defaultdict(set)
        owners = self._world.catalogs.find_owners(snapshot, self.place.environment, self._uris)
        for uri, owner in owners.items():
            wanted[owner.definition].add(uri)
        return defaultdict(frozenset, {definition: frozenset(uris) for definition, uris in wanted.items()})

    def _keep(self, server: Server, wanted: frozenset[str]) -> None:
        if self._takes_room():
            open_watch, hear = partial(self._open, server), partial(self._hear, server)
            self._kept[server.definition] = KeptWatch(open_watch, hear, self._begin, self._make_good, wanted)

    def _follow(self, server: Server, wanted: frozenset[str]) -> None:
        """Each party of the open streams is followed in its own session; one without streams is let go of."""
        parties: defaultdict[Party, list[OpenStream]] = defaultdict(list)
        for stream in self._world.streams.of_place(self.place):
            parties[Upstreams.party(server, stream.exchange)].append(stream)
        for party, streams in parties.items():
            key = (server.definition, party)
            followed = self._followed.get(key)
            if followed is None and self._takes_room():
                followed = self._followed[key] = self._make_followed(server, party)
            if followed is not None:
                followed.tell(streams, wanted)
        for key in list(self._followed):
            if key[0] == server.definition and key[1] not in parties:
                self._let_go(self._followed.pop(key).kept)

    def _make_followed(self, server: Server, party: Party) -> FollowedSession:
        is_first = not any(definition == server.definition for definition, _ in self._followed)
        begin = self._begin if is_first else _do_nothing  # the lists of the place are those of the others as well
        return FollowedSession(
            partial(self._upstream, server), party, self._world.relayed, self._note, begin, self._make_good
        )

    def _takes_room(self) -> bool:
        return not self._is_closed and self._world.room.acquire(blocking=False)

    def _let_go(self, kept: KeptWatch) -> gevent.Greenlet | None:
        self._world.room.release()
        return kept.close()

    def _upstream(self, server: Server) -> Upstream:
        return self._world.upstreams.get(self.snapshot, self.place.environment, server)

    def _open(self, server: Server, uris: frozenset[str]) -> Watch:
        """Raises UpstreamFault."""
        upstream = self._upstream(server)
        if server.sessions == OF_CLIENT and upstream.open().era is Era.LEGACY:
            raise UpstreamFault("no_stream", f"{server.name} speaks to each client in its own session.")
        return upstream.watch(uris)

    def _hear(self, server: Server, watch: Watch, message: Members) -> None:
        if "id" in message:
            answer_alone(watch, message)
            return
        method = decode_method(message)
        if method in CHANGED:
            self._note(CHANGED[method])
        elif method == UPDATED:
            uri = find_uri(message)
            # A server tells of what it was asked about: another's resources are not its business.
            kept = self._kept.get(server.definition)
            if kept is not None and not kept.wanted.isdisjoint(lineage(uri)):
                self._world.streams.tell_updated(self.place, uri)

    def _note(self, method: str) -> None:
        self._world.note((self.place, method))

    def _begin(self) -> None:
        """A list that is asked for from here on has to be of now: what changes later is told."""
        for method in CHANGES:
            self._world.catalogs.drop(self.place, method)

    def _make_good(self, uris: frozenset[str]) -> None:
        """What may have been missed counts as changed."""
        for method in CHANGES:
            self._note(method)
        for uri in uris:
            self._world.streams.tell_updated(self.place, uri)


def _do_nothing() -> None:
    pass
