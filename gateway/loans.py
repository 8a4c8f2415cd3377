"""Replies on loan: one process holds the stream, another has the client.

Rule: whoever holds the stream reads it, and passes on each message as it comes; whoever has the client takes them for
a reply of its own. It ends for both when either lets go, or cannot be reached any more.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress

import gevent
from gevent.queue import Empty, Queue
from msgspec import Raw

from common import clock
from gateway.exchange import Exchange, Replying
from gateway.protocol.jsonrpc import Members, decode_members, encode
from gateway.protocol.refusals import no_longer_parked
from gateway.signals import Abandoned, Answered, Lent, Resumed, Returned, SignalBoard
from upstream.connection import Deadline
from upstream.eras import Era
from upstream.faults import UpstreamFault

# An inbox in Redis holds a thousand signals: what comes on the way to a response is passed on no faster than another
# process surely takes it, this many bytes a second and this many messages.
BYTES_PER_SECOND = 4_000_000
MESSAGES_PER_SECOND = 500
# What a client has not taken yet: the largest result that is passed on, and some.
MAX_UNTAKEN_BYTES = 32 << 20

_TOO_SLOW = "The server says more than the client takes."


class Loans:
    def __init__(self, board: SignalBoard) -> None:
        self._board = board
        self._lent: dict[str, tuple[gevent.Greenlet, Replying]] = {}
        self._borrowed: dict[str, BorrowedReply] = {}
        board.on(Lent, self._receive)
        board.on(Returned, self._receive)
        board.on(Answered, self._answer)
        board.on(Abandoned, self._take_back)

    def borrow(self, exchange: Exchange, boot: str, resumed: Resumed) -> None:
        """Fill in `reply`: what the process `boot` will pass on. Refusal when that has ended."""
        borrowed = BorrowedReply(self, boot, resumed.tag, exchange.call_timeout)
        exchange.reply = self._borrowed[resumed.tag] = borrowed
        if not self._board.tell(boot, resumed):
            raise no_longer_parked()

    def lend(self, resumed: Resumed, reply: Replying, asked: Raw, outcome: Members) -> None:
        """Give the server its answer, and what it says from then on to whoever has the client."""
        lending = gevent.spawn(self._pass_on, resumed, reply, asked, outcome)
        self._lent[resumed.tag] = lending, reply

    def _pass_on(self, resumed: Resumed, reply: Replying, asked: Raw, outcome: Members) -> None:
        tag, boot = resumed.tag, resumed.boot
        try:
            reply.answer(asked, outcome)
            for message in reply.events or ():
                lent = Lent(tag, encode(message))
                if not self._board.tell(boot, lent):
                    return  # whoever has the client has gone, or misses a message: it notices by its deadline
                if "method" in message:
                    gevent.sleep(max(len(lent.event) / BYTES_PER_SECOND, 1 / MESSAGES_PER_SECOND))
        except UpstreamFault as fault:
            self._board.tell(boot, Returned(tag, fault.code, fault.sentence, fault.may_have_run))
        finally:
            self._lent.pop(tag, None)
            reply.close()

    def _receive(self, piece: Lent | Returned) -> None:
        borrowed = self._borrowed.get(piece.tag)
        if borrowed is not None and not borrowed.take(piece):
            borrowed.close()

    def _answer(self, answered: Answered) -> None:
        lent = self._lent.get(answered.tag)
        if lent is not None:
            gevent.spawn(_answer, lent[1], Raw(answered.request_id), decode_members(answered.outcome))

    def _take_back(self, abandoned: Abandoned) -> None:
        lent = self._lent.pop(abandoned.tag, None)
        if lent is not None:
            lending, reply = lent
            lending.kill(block=False)
            gevent.spawn(reply.close)  # the lending may not have begun, and then closes nothing

    def answer(self, boot: str, tag: str, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        self._board.tell(boot, Answered(tag, bytes(request_id), encode(outcome)))

    def give_back(self, boot: str, tag: str, *, is_over: bool) -> None:
        if self._borrowed.pop(tag, None) is not None and not is_over:
            gevent.spawn(self._board.tell, boot, Abandoned(tag))


class BorrowedReply:
    """A reply whose stream another process reads; `timeout` in seconds."""

    def __init__(self, loans: Loans, boot: str, tag: str, timeout: float) -> None:
        self.message: Members | None = None
        self.era = Era.LEGACY  # only servers of that era have streams that are kept
        self._arriving: Queue[Lent | Returned] = Queue()
        self._untaken_bytes = 0
        self._loans = loans
        self._boot, self._tag = boot, tag
        self._deadline = Deadline(clock.monotonic() + timeout)
        self._is_over = False
        self._messages = self._arrivals()

    @property
    def events(self) -> Iterator[Members]:
        return self._messages

    def take(self, piece: Lent | Returned) -> bool:
        """False when its client takes too slowly what comes: then this was the last of it."""
        self._untaken_bytes += len(piece.event) if isinstance(piece, Lent) else 0
        fits = self._untaken_bytes <= MAX_UNTAKEN_BYTES
        self._arriving.put(piece if fits else Returned(piece.tag, "too_large", _TOO_SLOW, may_have_run=True))
        return fits

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None:
        self._loans.answer(self._boot, self._tag, request_id, outcome)

    def extend(self, seconds: float) -> None:
        self._deadline.extend(seconds)

    def close(self) -> None:
        self._loans.give_back(self._boot, self._tag, is_over=self._is_over)

    def _arrivals(self) -> Iterator[Members]:
        while not self._is_over:
            piece = self._next()
            if isinstance(piece, Returned):
                self._is_over = True
                if not piece.fault:
                    raise no_longer_parked()
                raise UpstreamFault(piece.fault, piece.sentence, may_have_run=piece.may_have_run)
            message = decode_members(piece.event)
            self._is_over = "method" not in message
            yield message

    def _next(self) -> Lent | Returned:
        while (left := self._deadline.at - clock.monotonic()) > 0:
            with suppress(Empty):  # the deadline may have been moved meanwhile
                piece = self._arriving.get(timeout=left)
                self._untaken_bytes -= len(piece.event) if isinstance(piece, Lent) else 0
                return piece
        raise UpstreamFault("timeout", "The server did not answer in time.", may_have_run=True)


def _answer(reply: Replying, request_id: Raw, outcome: Members) -> None:
    with suppress(UpstreamFault):  # its call fails by itself then, and says so
        reply.answer(request_id, outcome)
