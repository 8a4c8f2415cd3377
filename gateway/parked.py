"""Parked calls: a server of the handshake era waits for a modern client.

Rule: the server's stream stays open here; the client holds a sealed state, comes back with it and its answer, and goes
on with the same call, through whichever process. A call is taken up again once, by its own token and for its own
request, or let go of after ten minutes.
"""

import secrets
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

import gevent
import msgspec
from msgspec import MsgspecError, Raw

from common import clock
from gateway.exchange import Exchange, Replying
from gateway.loans import Loans
from gateway.protocol.jsonrpc import Members, Message, decode_members, decode_string, encode
from gateway.protocol.refusals import INVALID_PARAMS, bad_request, no_longer_parked
from gateway.request_states import RequestState, RequestStates, StateRefused
from gateway.signals import Lent, Resumed, Returned, SignalBoard
from upstream.answers import Reply

# People fill in a form in this time; a server does not hold a call open for longer.
PARKED_SECONDS = 600
# Each holds a connection to a server.
MAX_PER_TOKEN = 16
# The name of a parked call's one question in `inputRequests`: there is never a second one beside it.
QUESTION = "question"
# The members of a retry (MCP 2026-07-28 basic/patterns/mrtr).
STATE, ANSWERS = "requestState", "inputResponses"

_sorted = msgspec.json.Encoder(order="sorted").encode


class _Parked(NamedTuple):
    slug: str
    digest: bytes
    server: str  # the definition of the server at which it waits
    reply: Replying
    asked: Members  # the server's question, with its id
    timeout: float  # what the server has for its answer, once it has ours
    expires: float


class ParkedCalls:
    def __init__(self, boot: str, states: RequestStates, board: SignalBoard) -> None:
        self._boot = boot
        self._states = states
        self._board = board
        self._parked: dict[str, _Parked] = {}
        self._loans = Loans(board)
        board.on(Resumed, self._lend)

    def park(self, exchange: Exchange, asked: Members) -> Members | None:
        """Take the call's stream into keeping: the response that the client gets now. None when too many are kept, or a
        cut is about to find out whether the call may go on."""
        if (
            exchange.must_ask_again
            or sum(each.digest == exchange.digest for each in self._parked.values()) >= MAX_PER_TOKEN
        ):
            return None
        bound_to = _bound_to(exchange)
        reply, exchange.reply = exchange.reply, None
        if reply is None or exchange.route is None:
            raise RuntimeError("A call was parked that was not forwarded.")
        park = secrets.token_hex(16)
        self._parked[park] = _Parked(
            exchange.slug,
            exchange.digest,
            exchange.route.server.definition,
            reply,
            asked,
            exchange.call_timeout,
            clock.monotonic() + PARKED_SECONDS,
        )
        expires = clock.now_us() // clock.MICROSECONDS + PARKED_SECONDS
        state = RequestState(self._boot, park, expires, exchange.progress_token)
        return _render_question(asked, self._states.seal(state, bound_to))

    def resume(self, exchange: Exchange) -> bool:
        """Whether the request goes on with a parked call: its reply is then that call's.

        Refusal for a state that does not open, or whose call is no longer kept.
        """
        message = exchange.message
        said = message.params.get(STATE) if message is not None else None
        if message is None or said is None:
            return False
        try:
            text = decode_string(said)
        except MsgspecError:
            return False
        if not self._states.is_ours(text):
            return False
        try:
            state = self._states.open(text, _bound_to(exchange), clock.now_us() / clock.MICROSECONDS)
        except StateRefused:
            raise bad_request(
                "params.requestState was changed, has expired, or belongs to another request.", INVALID_PARAMS
            ) from None
        answer = _read_answer(message)
        exchange.progress_token = state.progress_token
        exchange.begin_upstream()
        if state.boot == self._boot:
            self._take_up(exchange, state.park, text, answer)
        else:
            said = bytes(answer) if answer is not None else b""
            resumed = Resumed(
                state.park,
                exchange.slug,
                exchange.digest,
                exchange.route.server.definition if exchange.route is not None else "",
                said,
                text,
                self._boot,
                exchange.call_id,
            )
            self._loans.borrow(exchange, state.boot, resumed)
        return True

    def _take_up(self, exchange: Exchange, park: str, text: str, answer: Raw | None) -> None:
        parked = self._find(park, exchange.slug, exchange.digest)
        if parked is None or exchange.route is None or parked.server != exchange.route.server.definition:
            raise no_longer_parked()
        if answer is None:  # what is still missing is asked for again (ibid., §Error Handling)
            exchange.reply = Reply(_render_question(parked.asked, text))
            return
        del self._parked[park]
        exchange.reply = parked.reply
        parked.reply.extend(parked.timeout)
        parked.reply.answer(parked.asked["id"], {"result": answer})

    def sweep(self) -> None:
        """Let go of what nobody has come back for. Call it every second."""
        now = clock.monotonic()
        self._drop(lambda parked: parked.expires < now)

    def cut(self, slug: str, digest: bytes | None) -> None:
        """A token, or a workspace, has been closed or changed: what is kept for it is let go of."""
        self._drop(lambda parked: parked.slug == slug and digest in (None, parked.digest))

    def cut_all(self) -> None:
        """Cuts may have been lost."""
        self._drop(lambda parked: True)

    def _drop(self, is_over: Callable[[_Parked], bool]) -> None:
        for park, parked in list(self._parked.items()):
            if is_over(parked):
                del self._parked[park]
                gevent.spawn(parked.reply.close)

    def _find(self, park: str, slug: str, digest: bytes) -> _Parked | None:
        parked = self._parked.get(park)
        return parked if parked is not None and (parked.slug, parked.digest) == (slug, digest) else None

    def _lend(self, resumed: Resumed) -> None:
        """The client has come back to another process: that one is told what the server says."""
        parked = self._find(resumed.park, resumed.slug, resumed.digest)
        if parked is None or parked.server != resumed.server:
            gevent.spawn(self._board.tell, resumed.boot, Returned(resumed.tag))
        elif not resumed.answer:
            again = encode(_render_question(parked.asked, resumed.state))
            gevent.spawn(self._board.tell, resumed.boot, Lent(resumed.tag, again))
        else:
            del self._parked[resumed.park]
            parked.reply.extend(parked.timeout)
            self._loans.lend(resumed, parked.reply, parked.asked["id"], {"result": Raw(resumed.answer)})


def _read_answer(message: Message) -> Raw | None:
    try:
        return decode_members(message.params.get(ANSWERS, Raw(b"{}"))).get(QUESTION)
    except (MsgspecError, RecursionError):
        raise bad_request('"params.inputResponses" must be an object.', INVALID_PARAMS) from None


def _render_question(asked: Members, state: str) -> Members:
    """The server's question as a response of the modern era."""
    params = {
        member: raw
        for member, raw in decode_members(asked.get("params", Raw(b"{}"))).items()
        if member not in ("_meta", "task", "elicitationId")  # of a session, and of nothing that a retry has
    }
    question = {"method": asked["method"], "params": params}
    result = {"resultType": "input_required", "inputRequests": {QUESTION: question}, STATE: state}
    return {"result": Raw(encode(result))}


def _bound_to(exchange: Exchange) -> bytes:
    """Whose request this is, and which: the same for a retry, whatever its id and `_meta`."""
    message = exchange.known.message
    params = {member: raw for member, raw in message.params.items() if member not in ("_meta", STATE, ANSWERS)}
    try:
        told = _sorted([exchange.slug, exchange.digest.hex(), message.method, msgspec.json.decode(encode(params))])
    except (MsgspecError, RecursionError):  # numbers without an end, or a nesting without one
        raise bad_request("The arguments cannot be kept until the answer is there.", INVALID_PARAMS) from None
    return sha256(told).digest()
