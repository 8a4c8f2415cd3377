"""Watches: what changes where streams are open, told to those streams.

Rule: a process watches for its own streams. What a server says of a list goes to every process, which drops its
catalogs at once; the streams are told a moment later, when the next list is fresh wherever it is asked for. A place
is let go of when its last stream has been closed for a while.
"""

import math
import random

import gevent
from gevent.lock import BoundedSemaphore

from common import clock
from common.admission.records import Answer, Question
from gateway.admission import Admission
from gateway.catalog.catalogs import Catalogs
from gateway.directory.loader import DirectoryUnavailable
from gateway.directory.snapshots import Snapshot, Snapshots
from gateway.directory.upstreams import Upstreams
from gateway.open_streams import OpenStream, OpenStreams
from gateway.places import Place
from gateway.protocol.refusals import Refusal
from gateway.protocol.subscriptions import CHANGES
from gateway.relayed import RelayedRequests
from gateway.signals import Changed, SignalBoard
from gateway.watches.place import WatchedPlace, World
from gateway.watches.settling import Settling
from upstream.sse import render_event

TICK_SECONDS = 1
# A client that comes back soon finds its servers watched still.
LINGER_SECONDS = 5
# A change of the workspace, such as a new server, is told this late at most.
VERSION_SECONDS = 5
# Each open stream's token and session are asked about this often, so that one that has expired ends.
TOKEN_SECONDS = 300
# A process that holds streams of more places than it can ask about in time asks later rather than more.
REVIEWS_PER_TICK = 500
# Each holds a connection; beyond this many the rest is not watched, and told of no changes but the workspace's.
MAX_WATCHES = 5_000


class Watches:
    def __init__(
        self,
        streams: OpenStreams,
        upstreams: Upstreams,
        snapshots: Snapshots,
        admission: Admission,
        board: SignalBoard,
        catalogs: Catalogs,
        relayed: RelayedRequests,
    ) -> None:
        self._streams = streams
        self._snapshots = snapshots
        self._admission = admission
        self._board = board
        self._catalogs = catalogs
        # A server that says the same again and again is passed on four times a second at most.
        self._heard = Settling(self._pass_on, quiet=0.02, longest=0.1, rest=0.25)
        # By then a list that is asked for at any other process is fresh.
        self._telling = Settling(self._tell, quiet=0.1, longest=0.3, rest=0.5)
        self._world = World(streams, upstreams, catalogs, relayed, self._heard.note, BoundedSemaphore(MAX_WATCHES))
        self._places: dict[Place, WatchedPlace] = {}
        board.on(Changed, self._drop)

    def enter(self, stream: OpenStream) -> None:
        """A stream has been opened, or wants other resources than before: see to it that its servers are watched."""
        snapshot = stream.exchange.snapshot
        if snapshot is None:
            raise RuntimeError("A stream was opened that admission has not passed.")
        watched = self._places.get(stream.place)
        if watched is None:
            watched = self._places[stream.place] = WatchedPlace(stream.place, snapshot, self._world)
            watched.review_at += random.uniform(0, VERSION_SECONDS)  # noqa: S311 - not all places of a start at once
        elif snapshot.version > watched.snapshot.version:
            self._adopt(watched, snapshot)
        watched.left_at = math.inf
        if not watched.covers(stream):
            watched.arrange()

    def leave(self, stream: OpenStream) -> None:
        """A stream has been closed: a client that was followed for it alone is followed no longer."""
        watched = self._places.get(stream.place)
        if watched is not None and watched.keeps_clients_apart:
            watched.arrange()

    def hear(self, place: Place, method: str) -> None:
        """A server has said on some other way that the list of this method has changed."""
        self._heard.note((place, method))

    def wait_settled(self, place: Place, seconds: float) -> None:
        """Until every server of the place is watched, or has failed to be, but no longer than this."""
        watched = self._places.get(place)
        if watched is not None:
            watched.wait_settled(seconds)

    def run(self) -> None:
        """A loop: lets go of what nobody wants any more, and notices what changes about workspaces and tokens."""
        while True:
            gevent.sleep(TICK_SECONDS)
            now = clock.monotonic()
            for watched in list(self._places.values()):
                self._look_after(watched, now)
            due = [watched for watched in self._places.values() if now >= watched.review_at]
            due.sort(key=lambda watched: watched.review_at)
            for watched in due[:REVIEWS_PER_TICK]:
                watched.review_at = now + VERSION_SECONDS - TICK_SECONDS
                gevent.spawn(self._review, watched)

    def close(self, seconds: float) -> None:
        """Watch nothing any more, and take so long at most to tell the servers."""
        farewells = [farewell for watched in self._places.values() for farewell in watched.close()]
        self._places.clear()
        gevent.joinall(farewells, seconds)

    def _look_after(self, watched: WatchedPlace, now: float) -> None:
        if self._streams.has(watched.place):
            watched.left_at = math.inf
        elif watched.left_at == math.inf:
            watched.left_at = now
        elif now - watched.left_at >= LINGER_SECONDS:
            del self._places[watched.place]
            watched.close()

    def _review(self, watched: WatchedPlace) -> None:
        """Ask about the next streams of the place; their answers tell the version of the workspace as well."""
        watched.say_in_use()
        share = math.ceil(self._streams.count(watched.place) * VERSION_SECONDS / TOKEN_SECONDS)
        version = watched.snapshot.version
        for stream in self._streams.take_turns(watched.place, share):
            try:
                version = max(version, self._ask(stream).version)
            except Refusal as refusal:
                if refusal.status != 503:  # otherwise nobody can tell at the moment
                    stream.end(render_event(refusal.body(stream.subscription)) if stream.subscription else b"")
        if version == watched.snapshot.version:
            return
        try:
            snapshot = self._snapshots.find(watched.place.slug, version)
        except DirectoryUnavailable:
            return  # asked for again with the next review
        if snapshot is not None:
            self._adopt(watched, snapshot)

    def _ask(self, stream: OpenStream) -> Answer:
        """A yes; Refusal for anything else."""
        exchange = stream.exchange
        call_id = f"{exchange.call_id}-review"
        question = Question(
            exchange.slug, exchange.digest, call_id, cost=0, is_call=False, session=exchange.mcp_session_id
        )
        answer = self._admission.ask(question)
        if not answer.verdict.is_admitted:
            raise self._admission.refusal_for(answer)
        return answer

    def _adopt(self, watched: WatchedPlace, snapshot: Snapshot) -> None:
        """The workspace is another one now: watch its servers, and tell what that means."""
        before, watched.snapshot = watched.snapshot, snapshot
        if before.servers != snapshot.servers:
            watched.arrange()
            for method in CHANGES:
                self._telling.note((watched.place, method))

    def _pass_on(self, changed: tuple[Place, str]) -> None:
        place, method = changed
        self._board.tell_all(Changed(place.slug, place.environment, method))

    def _drop(self, changed: Changed) -> None:
        place = Place(changed.slug, changed.environment)
        self._catalogs.drop(place, changed.method)
        if self._streams.has(place):
            self._telling.note((place, changed.method))

    def _tell(self, changed: tuple[Place, str]) -> None:
        self._streams.tell_change(*changed)
