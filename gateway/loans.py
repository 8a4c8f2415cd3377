"""Replies on loan: one process holds the stream, another has the client.

Rule: whoever holds the stream reads it, and passes on each message as it comes; whoever has the client takes them for
a reply of its own. It ends for both when either lets go.
"""

from collections.abc import Iterator, Mapping

import gevent
from gevent.queue import Empty, Queue
from msgspec import Raw

from common import clock
from gateway.exchange import Exchange, Replying
from gateway.protocol.jsonrpc import Members, decode_members, encode
from gateway.protocol.refusals import no_longer_parked
from gateway.signals import Abandoned, Answered, Lent, Resumed, Returned, SignalBoard
from upstream.eras import Era
from upstream.faults import UpstreamFault


class Loans:
    def __init__(self, board: SignalBoard) -> None:
        self._board = board
        self._lent: dict[str, tuple[gevent.Greenlet, Replying]] = {}
        self._borrowed: dict[str, BorrowedReply] = {}
        board.on(Lent, self._receive)
        board.on(Returned, self._receive)
        board.on(Answered, self._answer)
        board.on(Abandoned, self._take_back)

    def borrow(self, exchange: Exchange, boot: str, resumed: Resumed) -> "BorrowedReply":
        """What the process `boot` will pass on; Refusal when that has ended."""
        borrowed = self._borrowed[resumed.tag] = BorrowedReply(self, exchange, boot, resumed.tag)
        if not self._board.tell(boot, resumed):
            del self._borrowed[resumed.tag]
            raise no_longer_parked()
        return borrowed

    def lend(self, resumed: Resumed, reply: Replying, asked: Raw, outcome: Members, progress_token: bytes) -> None:
        """Give the server its answer, and what it says from then on to whoever has the client."""
        lending = gevent.spawn(self._pass_on, resumed, reply, asked, outcome, progress_token)
        self._lent[resumed.tag] = lending, reply

    def _pass_on(self, resumed: Resumed, reply: Replying, asked: Raw, outcome: Members, progress_token: bytes) -> None:
        tag, boot = resumed.tag, resumed.boot
        try:
            reply.answer(asked, outcome)
            for message in reply.events or ():
                self._board.tell(boot, Lent(tag, encode(message), progress_token))
        except UpstreamFault as fault:
            self._board.tell(boot, Returned(tag, fault.code, fault.sentence, fault.may_have_run))
        finally:
            self._lent.pop(tag, None)
            reply.close()

    def _receive(self, piece: Lent | Returned) -> None:
        borrowed = self._borrowed.get(piece.tag)
        if borrowed is not None:
            borrowed.arriving.put(piece)

    def _answer(self, answered: Answered) -> None:
        lent = self._lent.get(answered.tag)
        if lent is not None:
            gevent.spawn(lent[1].answer, Raw(answered.request_id), decode_members(answered.outcome))

    def _take_back(self, abandoned: Abandoned) -> None:
        lent = self._lent.get(abandoned.tag)
        if lent is not None:
            lent[0].kill(block=False)

    def answer(self, boot: str, tag: str, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        self._board.tell(boot, Answered(tag, bytes(request_id), encode(outcome)))

    def give_back(self, boot: str, tag: str, *, is_over: bool) -> None:
        if self._borrowed.pop(tag, None) is not None and not is_over:
            self._board.tell(boot, Abandoned(tag))


class BorrowedReply:
    """A reply whose stream another process reads."""

    def __init__(self, loans: Loans, exchange: Exchange, boot: str, tag: str) -> None:
        self.message: Members | None = None
        self.era = Era.LEGACY  # only servers of that era have streams that are kept
        self.arriving: Queue[Lent | Returned] = Queue()
        self._loans = loans
        self._exchange = exchange
        self._boot, self._tag = boot, tag
        self._is_over = False
        self._messages = self._arrivals()

    @property
    def events(self) -> Iterator[Members]:
        return self._messages

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        self._loans.answer(self._boot, self._tag, request_id, outcome)

    def extend(self, seconds: float) -> None:
        """The process that reads has its own deadline; here the exchange's counts."""

    def close(self) -> None:
        self._loans.give_back(self._boot, self._tag, is_over=self._is_over)

    def _arrivals(self) -> Iterator[Members]:
        exchange = self._exchange
        while not self._is_over:
            try:
                piece = self.arriving.get(timeout=max(0.0, exchange.deadline - clock.monotonic()))
            except Empty:
                raise UpstreamFault("timeout", "The server did not answer in time.", may_have_run=True) from None
            if isinstance(piece, Returned):
                self._is_over = True
                if not piece.fault:
                    raise no_longer_parked()
                raise UpstreamFault(piece.fault, piece.sentence, may_have_run=piece.may_have_run)
            exchange.progress_token = piece.progress_token
            message = decode_members(piece.event)
            self._is_over = "method" not in message
            yield message
