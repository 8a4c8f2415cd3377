"""Cuts: what the portal has closed stops here within a second.

Rule: read from a stream, from the last id on, so that none is missed. A cut names a token or a workspace; what is
open there is asked about again, and goes on only if admission still says yes and its server is still enabled.
"""

import gevent

from common import redis_keys
from common.admission.ask import Asker
from common.admission.records import Question, Verdict
from gateway.admission import Admission
from gateway.directory.loader import DirectoryUnavailable
from gateway.directory.snapshots import Snapshots
from gateway.exchange import Exchange
from gateway.open_exchanges import OpenExchanges
from gateway.protocol.methods import CALLS
from gateway.protocol.refusals import INVALID_PARAMS, Refusal

# A blocking read returns after this long without news, so that a dead connection is noticed.
BLOCK_MS = 500
SHARDS = tuple(range(redis_keys.SHARDS))


class Cuts:
    def __init__(self, asker: Asker, admission: Admission, snapshots: Snapshots, open_exchanges: OpenExchanges) -> None:
        self._asker = asker
        self._admission = admission
        self._snapshots = snapshots
        self._open = open_exchanges

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
                self.review(named)

    def review_all(self) -> None:
        """After a restart or failover of Redis cuts may have been lost: ask about everything that is open."""
        self.review(self._open.all())

    def review(self, exchanges: list[Exchange]) -> None:
        for exchange in exchanges:
            if exchange.snapshot is not None:  # otherwise its own question to admission is still under way
                gevent.spawn(self._review_one, exchange)

    def _review_one(self, exchange: Exchange) -> None:
        refusal = self._find_refusal(exchange)
        if refusal is not None:
            self._open.cut(exchange, refusal)

    def _find_refusal(self, exchange: Exchange) -> Refusal | None:
        """Why the exchange may not go on; None when it may, or when nobody can tell at the moment."""
        message, _, _, _ = exchange.known
        question = Question(
            slug=exchange.slug,
            digest=exchange.digest,
            call_id=f"{exchange.call_id}-review",
            cost=0,
            is_call=message.method in CALLS,
        )
        try:
            answer = self._admission.ask(question)
            if answer.verdict not in (Verdict.OK, Verdict.AGAIN):
                refusal = self._admission.refusal_for(answer)
                return None if refusal.status == 503 else refusal
            snapshot = self._snapshots.find(exchange.slug, answer.version)
        except Refusal as refusal:
            return None if refusal.status == 503 else refusal
        except DirectoryUnavailable:
            return None
        if exchange.route is None or snapshot is None or exchange.route.server in snapshot.servers:
            return None
        return Refusal(
            200,
            INVALID_PARAMS,
            "The server of this tool was disabled, changed or removed while the call was under way. "
            "The call may have run: check before you call it again.",
            decision="server_closed",
        )
