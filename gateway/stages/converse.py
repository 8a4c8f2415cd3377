"""Converse: what a server says and asks before its answer.

Rule: the last message is the response. A server's question reaches a client that declared it can answer, and nobody
else: on the stream of the call where both have handshakes, as `input_required` where the client has none, and the
other way round. What nobody here can answer is declined at once, so that the server goes on.
"""

from collections.abc import Callable, Iterator

import gevent
from gevent.event import AsyncResult
from msgspec import MsgspecError, Raw

from common import clock
from gateway.exchange import Exchange, Replying
from gateway.parked import ANSWERS, STATE, ParkedCalls
from gateway.places import Place
from gateway.protocol.capabilities import can_answer
from gateway.protocol.envelopes import is_input_required, render_refused_question
from gateway.protocol.eras import PROGRESS_TOKEN
from gateway.protocol.jsonrpc import Members, decode_members, decode_string, encode
from gateway.protocol.methods import NAMED_BY
from gateway.protocol.questions import Question, read_questions, render_for_handshake
from gateway.protocol.subscriptions import CHANGED, decode_method
from gateway.relayed import Client, RelayedRequests
from gateway.watches.watches import Watches
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.levels import rank_of

# A tool that has to know more after so many rounds of questions will never be satisfied.
MAX_ROUNDS = 8
# People take their time; nobody is waited for longer.
QUESTION_SECONDS = 600
# Of one call, before its client at once.
MAX_ASKED = 16

_DECLINED = {"error": Raw(b'{"code":-32601,"message":"The client of this call cannot answer that."}')}
_PONG = {"result": Raw(b"{}")}


def find_whole(exchange: Exchange) -> Members | None:
    """What the server has answered in one piece that cannot be a question: then there is nothing to converse."""
    reply = exchange.reply
    is_settled = reply is not None and (reply.era is Era.LEGACY or exchange.mcp_session is None)
    return reply.message if reply is not None and is_settled else None


def converse(
    exchange: Exchange,
    relayed: RelayedRequests,
    parked: ParkedCalls,
    watches: Watches,
    again: Callable[[Members], None],
) -> Iterator[Members]:
    """What the client is told, the response last; raises UpstreamFault.

    `watches` hear of a list that has changed: some servers say so nowhere else. `again` sends the call once more, with
    the answers to a modern server's questions, and fills in its new reply.
    """
    for _ in range(MAX_ROUNDS):
        reply = exchange.reply
        if reply is None:
            raise RuntimeError("A call that was not forwarded has nothing to say.")
        response = reply.message
        if response is None:
            response = yield from _on_the_way(exchange, reply, relayed, parked, watches)
        questions = _questions_of(exchange, reply, response)
        if questions is None:
            yield response
            return
        outcomes = yield from _ask_all(exchange, questions, relayed)
        refused = next((outcome for outcome in outcomes.values() if "result" not in outcome), None)
        if refused is not None:
            yield render_refused_question(refused, is_tool=exchange.known.message.method == "tools/call")
            return
        answers = {ANSWERS: Raw(encode({key: outcome["result"] for key, outcome in outcomes.items()}))}
        state = decode_members(response["result"]).get(STATE)
        reply.close()
        exchange.asked.clear()
        again(answers if state is None else {**answers, STATE: state})
    raise UpstreamFault("not_mcp", f"The server asked its client more than {MAX_ROUNDS} times over.")


def _on_the_way(
    exchange: Exchange, reply: Replying, relayed: RelayedRequests, parked: ParkedCalls, watches: Watches
) -> Iterator[Members]:
    """Yields what the client is told before the response, and returns that."""
    for event in reply.events or ():
        if "method" not in event:
            return event
        if "id" not in event:
            method = decode_method(event)
            if method in CHANGED:
                watches.hear(Place(exchange.slug, exchange.known.caller.environment), CHANGED[method])
            elif _is_for_client(exchange, method, event, relayed):
                yield event
            continue
        match _take_question(exchange, reply, event, relayed, parked):
            case None:
                continue
            case response if "method" not in response:
                return response
            case question:
                yield question
    raise RuntimeError("a stream without a response is a fault before it gets here")


def _take_question(
    exchange: Exchange, reply: Replying, asked: Members, relayed: RelayedRequests, parked: ParkedCalls
) -> Members | None:
    """What the client is told of a server's request: the request, or the response that takes its place."""
    if bytes(asked["method"]) == b'"ping"':
        _answer(reply, asked["id"], _PONG)
        return None
    if not _may_ask(exchange, asked):
        _answer(reply, asked["id"], _DECLINED)
        return None
    if exchange.known.spoken.era is Era.LEGACY:
        return _relay(exchange, reply, asked, relayed)
    response = parked.park(exchange, asked)
    if response is None:
        _answer(reply, asked["id"], _DECLINED)
    return response


def _may_ask(exchange: Exchange, asked: Members) -> bool:
    message, spoken, _, _ = exchange.known
    if len(exchange.asked) >= MAX_ASKED or bytes(asked["id"]) in exchange.asked:
        return False
    if spoken.era is Era.MODERN and message.method not in NAMED_BY:
        return False  # no other request may be answered with a question
    try:
        method, params = decode_string(asked["method"]), decode_members(asked.get("params", Raw(b"{}")))
    except (MsgspecError, RecursionError):
        return False
    return can_answer(exchange.declared, method, params)


def _relay(exchange: Exchange, reply: Replying, asked: Members, relayed: RelayedRequests) -> Members:
    """The server's request under an id of ours; its answer goes to the very session that asked."""

    own_id = bytes(asked["id"])

    def answered(outcome: Members) -> None:
        _settle(exchange, own_id)
        gevent.spawn(_answer, reply, asked["id"], outcome)

    return {**asked, "id": _ask(exchange, relayed, own_id, answered, reply)}


def _settle(exchange: Exchange, own_id: bytes) -> str | None:
    """A question is no longer open; after the last one the server's time runs again. The id that the client knows."""
    relayed_id = exchange.asked.pop(own_id, None)
    if relayed_id is not None and not exchange.asked:
        exchange.deadline = clock.monotonic() + exchange.call_timeout
    return relayed_id


def _ask(
    exchange: Exchange, relayed: RelayedRequests, own_id: bytes, answered: Callable[[Members], None], reply: Replying
) -> Raw:
    client = Client(exchange.slug, exchange.digest, exchange.mcp_session_id)
    relayed_id = relayed.ask(client, answered)
    exchange.asked[own_id] = relayed_id
    exchange.deadline = clock.monotonic() + QUESTION_SECONDS
    reply.extend(QUESTION_SECONDS + exchange.call_timeout)
    return Raw(encode(relayed_id))


def _questions_of(exchange: Exchange, reply: Replying, response: Members) -> list[Question] | None:
    """What a modern server has to know of a client that has a session to be asked in; none: it only wants to be called
    again. None where the response is an answer, or one that this client cannot be helped with."""
    if reply.era is not Era.MODERN or exchange.mcp_session is None or exchange.is_batched or "result" not in response:
        return None
    if b"input_required" not in bytes(response["result"]):
        return None
    try:
        result = decode_members(response["result"])
        if not is_input_required(result):
            return None
        questions = read_questions(result)
    except (MsgspecError, RecursionError):
        return None
    is_answerable = all(can_answer(exchange.declared, question.method, question.params) for question in questions)
    return questions if is_answerable else None


def _ask_all(exchange: Exchange, questions: list[Question], relayed: RelayedRequests) -> Iterator[Members]:
    """Yields the questions as requests to the client, and returns its outcome for each key."""
    reply, mcp_session = exchange.reply, exchange.mcp_session
    if reply is None or mcp_session is None:
        raise RuntimeError("There is nobody to ask.")
    waiting: dict[str, AsyncResult[Members]] = {}
    for question in questions:
        waiting[question.key] = arrived = AsyncResult()
        relayed_id = _ask(exchange, relayed, question.key.encode(), arrived.set, reply)
        yield render_for_handshake(question, relayed_id, mcp_session.version)
    return {key: arrived.get() for key, arrived in waiting.items()}


def _answer(reply: Replying, request_id: Raw, outcome: Members) -> None:
    try:
        reply.answer(request_id, outcome)
    except UpstreamFault:
        return  # its call fails by itself then, and says so


def _is_for_client(exchange: Exchange, method: str, event: Members, relayed: RelayedRequests) -> bool:
    """Whether a notification is this client's; its own words are put in the place of ours."""
    if method == "notifications/progress":
        return _restore_progress_token(exchange, event)
    if method == "notifications/message":
        return _wants_log(exchange, event)
    if exchange.known.spoken.era is Era.MODERN:
        return False
    if method == "notifications/cancelled":
        return _withdraw_question(exchange, event, relayed)
    return method == "notifications/elicitation/complete"


def _wants_log(exchange: Exchange, event: Members) -> bool:
    """Modern clients ask for log messages per request; others take what comes until they have set a level."""
    wanted_from = exchange.log_level
    if not wanted_from:
        return exchange.known.spoken.era is Era.LEGACY
    try:
        level = decode_string(decode_members(event["params"])["level"])
    except (KeyError, MsgspecError, RecursionError):
        return False
    return rank_of(level) >= rank_of(wanted_from)


def _restore_progress_token(exchange: Exchange, event: Members) -> bool:
    """Put the client's progress token in the place of ours; False where the event is not this request's."""
    own = (exchange.known.spoken.meta or {}).get(PROGRESS_TOKEN)
    try:
        params = decode_members(event["params"])
    except (KeyError, MsgspecError, RecursionError):
        return False
    if own is None or bytes(params.get(PROGRESS_TOKEN, Raw(b""))) != exchange.progress_token:
        return False
    params[PROGRESS_TOKEN] = own
    event["params"] = Raw(encode(params))
    return True


def _withdraw_question(exchange: Exchange, event: Members, relayed: RelayedRequests) -> bool:
    """A server that no longer waits for an answer says so under its own id; the client knows ours."""
    try:
        params = decode_members(event["params"])
        relayed_id = _settle(exchange, bytes(params["requestId"]))
    except (KeyError, MsgspecError, RecursionError):
        return False
    if relayed_id is None:
        return False
    relayed.withdraw(relayed_id)
    event["params"] = Raw(encode({**params, "requestId": relayed_id}))
    return True
