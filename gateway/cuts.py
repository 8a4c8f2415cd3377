"""Cuts: what the portal has closed stops here within a second.

Rule: read from a stream, from the last id on, so that none is missed. A cut names a token or a workspace; what is
open there is asked about again, and goes on only if admission still says yes and its server is still enabled. What
is parked there is let go of unasked.
"""

from collections import defaultdict
from collections.abc import Iterable

import gevent

from common import redis_keys
from common.admission.ask import Asker
from common.admission.records import Question
from gateway.admission import Admission
from gateway.directory.loader import DirectoryUnavailable
from gateway.directory.snapshots import Snapshot, Snapshots
from gateway.exchange import Exchange
from gateway.open_exchanges import OpenExchanges
from gateway.parked import ParkedCalls
from gateway.protocol.refusals import INVALID_PARAMS, Refusal, unavailable

# A blocking read returns after this long without news, so that a dead connection is noticed.
BLOCK_MS = 500
# Often enough that a cut holds within a second of Redis and the database being there again.
AGAIN_SECONDS = 0.5
SHARDS = tuple(range(redis_keys.SHARDS))


class Cuts:
    def __init__(
        self,
        asker: Asker,
        admission: Admission,
        snapshots: Snapshots,
        open_exchanges: OpenExchanges,
        parked: ParkedCalls,
    ) -> None:
        self._asker = asker
        self._admission = admission
        self._snapshots = snapshots
        self._open = open_exchanges
        self._parked = parked

    def run(self) -> None:
        """Raises Unavailable when Redis does not answer; started again, it asks about everything that is open."""
        last_ids = self._asker.latest_cuts(SHARDS)
        self.review_all()
        while True:
            for cut in self._asker.read_cuts(SHARDS, last_ids, BLOCK_MS):
                named = (
                    self._open.of_token(cut.slug, cut.digest)
                    if cut.digest is not None
                    else self._open.of_workspace(cut.slug)
                )
                self._parked.cut(cut.slug, cut.digest)
                self.review(named)

    def review_all(self) -> None:
        """After a restart or failover of Redis cuts may have been lost: ask about everything that is open."""
        self._parked.cut_all()
        self.review(self._open.all())

    def review(self, exchanges: Iterable[Exchange]) -> None:
        alike: defaultdict[tuple[str, bytes, bool], list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            exchange.must_ask_again = True
            if exchange.snapshot is not None:  # otherwise admission is being asked, and will be once more
                alike[exchange.slug, exchange.digest, exchange.is_call].append(exchange)
        for some in alike.values():
            gevent.spawn(self._review_alike, some)

    def _review_alike(self, exchanges: list[Exchange]) -> None:
        """Until there is a yes or a no: what nobody can tell now is asked again, as long as any of them is open.

        They are of one token, and calls or none, so that one answer is for all of them.
        """
        while exchanges := [exchange for exchange in exchanges if exchange.greenlet is not None]:
            try:
                snapshot = self._find_snapshot(exchanges[0])
            except Refusal as refusal:
                if refusal.status == 503:
                    gevent.sleep(AGAIN_SECONDS)
                    continue
                for exchange in exchanges:
                    self._open.cut(exchange, refusal)
                return
            for exchange in exchanges:
                self._hold_to(exchange, snapshot)
            return

    def _find_snapshot(self, exchange: Exchange) -> Snapshot:
        """The workspace as it is now; Refusal when the exchange may not go on, a 503 when nobody can tell."""
        question = Question(
            slug=exchange.slug,
            digest=exchange.digest,
            call_id=f"{exchange.call_id}-review",
            cost=0,
            is_call=exchange.is_call,
        )
        answer = self._admission.ask(question)
        if not answer.verdict.is_admitted:
            raise self._admission.refusal_for(answer)
        try:
            snapshot = self._snapshots.find(exchange.slug, answer.version)
        except DirectoryUnavailable:
            snapshot = None
        if snapshot is None:  # or it has changed once more since the answer
            raise unavailable("The workspace cannot be read at the moment.")
        return snapshot

    def _hold_to(self, exchange: Exchange, snapshot: Snapshot) -> None:
        """A call goes on only as long as its server is one of the workspace's."""
        if exchange.route is None:
            exchange.snapshot = snapshot  # the route that is being looked for is held to it
        elif exchange.route.server not in snapshot.servers:
            self._open.cut(exchange, _server_closed())


def _server_closed() -> Refusal:
    return Refusal(
        200,
        INVALID_PARAMS,
        "The server of this tool was disabled, changed or removed while the call was under way. "
        "The call may have run: check before you call it again.",
        decision="server_closed",
    )
