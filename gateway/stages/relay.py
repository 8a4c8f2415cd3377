"""Relay: hand the server's answer on, whole or as events arrive.

Rule: an answer that came whole, or before anything else was said, goes out as JSON, so that its status survives.
A stream ends with a response, whatever becomes of the server.
"""

from collections.abc import Generator, Iterator

import gevent
import structlog
from gevent.queue import Empty
from msgspec import MsgspecError, Raw

from common import clock
from gateway.exchange import Exchange, Response
from gateway.identity import server_info
from gateway.open_exchanges import Cut
from gateway.protocol.capabilities import ELICIT, can_answer
from gateway.protocol.envelopes import (
    is_input_required,
    is_missing_capability,
    is_tool_error,
    questions_of_error,
    render_error,
    render_result,
    render_tool_error,
)
from gateway.protocol.headers import EVENT_HEADERS
from gateway.protocol.jsonrpc import Members, decode_members, encode, error_body, result_body
from gateway.protocol.methods import NAMED_BY
from gateway.protocol.refusals import INTERNAL_ERROR, UPSTREAM_FAILED, Refusal
from gateway.unread import Unread
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.sse import render_comment, render_event

# A silent stream says that it is alive this often: proxies on the way close one that is quiet for longer.
KEEP_ALIVE_SECONDS = 15
# What the client is too slow to take; beyond this the server is made to wait.
MAX_UNREAD_BYTES = 1 << 20

# The server's own deadline comes first: it has the better sentence.
DEADLINE_SLACK = 2

log = structlog.get_logger()

_NEEDS_INPUT = (
    "The server has to ask something that this client has not declared it can answer "
    "(elicitation, sampling or roots). Use a client that can."
)


def relay(exchange: Exchange, messages: Iterator[Members]) -> Response:
    """The response to a forwarded call, of which `messages` are told, the last one its response.

    UpstreamFault when the server fails before the first of them.
    """
    message = next(messages)
    if exchange.is_batched:
        while "method" in message:
            message = next(messages)
    if "method" in message:
        return Response(200, _stream(exchange, message, messages), EVENT_HEADERS)
    if exchange.reply is not None:
        exchange.reply.close()
    return relay_whole(exchange, message)


def relay_whole(exchange: Exchange, message: Members) -> Response:
    """The response to a call that was answered in one piece; UpstreamFault where that is none."""
    body = render_response(exchange, message)
    # A modern client reads some errors from the status too.
    lacks_capability = "error" in message and exchange.known.spoken.era is Era.MODERN and is_missing_capability(message)
    return Response(400 if lacks_capability else 200, body)


def render_response(exchange: Exchange, message: Members) -> bytes:
    """The server's response under the client's id and in the client's era; notes the outcome."""
    request, spoken, _, snapshot = exchange.known
    upstream = exchange.reply.era if exchange.reply is not None else Era.LEGACY
    error = message.get("error")
    addresses = _find_addresses(exchange, error) if error is not None else None
    is_question = error is not None and spoken.era is Era.LEGACY and is_missing_capability(message)
    if error is not None and not is_question and addresses is None:
        exchange.outcome = "upstream_error"
        return error_body(exchange.request_id, bytes(render_error(error, client=spoken.era)))
    try:
        result = addresses or ({} if is_question else decode_members(message["result"]))
    except (MsgspecError, RecursionError):
        raise UpstreamFault("invalid_json", "The server's result is not a JSON object.", may_have_run=True) from None
    if is_question or (spoken.era is Era.LEGACY and is_input_required(result)):
        if request.method != "tools/call":
            exchange.outcome = "upstream_error"
            return error_body(exchange.request_id, encode({"code": UPSTREAM_FAILED, "message": _NEEDS_INPUT}))
        result = render_tool_error(_NEEDS_INPUT)
    if is_tool_error(result):
        exchange.outcome = "tool_error"
    rendered = render_result(
        result,
        client=spoken.era,
        upstream=upstream,
        server_info=server_info(snapshot),
        is_cacheable=request.method == "resources/read",
    )
    return result_body(exchange.request_id, rendered)


def render_fault(exchange: Exchange, fault: UpstreamFault) -> bytes:
    """What went wrong on the way to the server: for a tool a result that the model can act on, else an error."""
    request, spoken, _, snapshot = exchange.known
    exchange.outcome, exchange.decision = "upstream_error", fault.code
    name = exchange.route.server.name if exchange.route else "The server"
    if request.method != "tools/call":  # nothing has run: what is read may be read again
        sentence = f"{name}: {fault.sentence}"
        error: dict[str, object] = {"code": UPSTREAM_FAILED, "message": sentence}
        if fault.retry_after is not None:
            error["data"] = {"retryAfter": fault.retry_after}
        return error_body(exchange.request_id, encode(error))
    result = render_result(
        render_tool_error(f"{name}: {fault.call_sentence}"),
        client=spoken.era,
        upstream=Era.LEGACY,
        server_info=server_info(snapshot),
    )
    return result_body(exchange.request_id, result)


def _find_addresses(exchange: Exchange, error: Raw) -> Members | None:
    """What the modern era asks where a server of the handshake era wants an address opened first."""
    request, spoken, _, _ = exchange.known
    if spoken.era is not Era.MODERN or request.method not in NAMED_BY:
        return None
    return questions_of_error(error) if can_answer(exchange.declared, ELICIT, {"mode": Raw(b'"url"')}) else None


def _stream(exchange: Exchange, first: Members, messages: Iterator[Members]) -> Generator[bytes]:
    """The messages as they arrive, keep-alives while none does, and a last one that is always a response."""
    unread: Unread[Members | UpstreamFault | Refusal] = Unread(MAX_UNREAD_BYTES)
    reading = gevent.spawn(_read_into, unread, messages)
    try:
        message: Members | UpstreamFault | Refusal = first
        while isinstance(message, dict) and "method" in message:
            yield render_event(encode(message))
            while (arrived := _next_of(unread, exchange)) is None:
                yield render_comment()
            message = arrived
        yield render_event(_last(exchange, message))
    except Cut as cut:
        if cut.refusal is not None:
            yield render_event(cut.refusal.body(exchange.request_id))
    except GeneratorExit:
        exchange.outcome, exchange.decision = "cut", "client_gone"
        raise
    finally:
        exchange.note_upstream_time()
        reading.kill(block=False)
        if exchange.reply is not None:
            exchange.reply.close()


def _next_of(
    unread: Unread[Members | UpstreamFault | Refusal], exchange: Exchange
) -> Members | UpstreamFault | Refusal | None:
    """The next message; None when it is time to say that the stream is alive."""
    left = exchange.deadline + DEADLINE_SLACK - clock.monotonic()
    try:
        return unread.get(timeout=max(0.0, min(left, KEEP_ALIVE_SECONDS)))
    except Empty:
        if clock.monotonic() < exchange.deadline + DEADLINE_SLACK:  # which an answer may have moved meanwhile
            return None
        return UpstreamFault("timeout", "No answer came in time.", may_have_run=True)


def _last(exchange: Exchange, message: Members | UpstreamFault | Refusal) -> bytes:
    try:
        if isinstance(message, Refusal):
            exchange.outcome, exchange.decision = message.outcome, message.decision
            return message.body(exchange.request_id)
        if isinstance(message, UpstreamFault):
            return render_fault(exchange, message)
        return render_response(exchange, message)
    except UpstreamFault as fault:
        return render_fault(exchange, fault)


def _read_into(unread: Unread[Members | UpstreamFault | Refusal], messages: Iterator[Members]) -> None:
    try:
        for message in messages:
            unread.put(message, sum(memoryview(raw).nbytes for raw in message.values()))
    except (UpstreamFault, Refusal) as end:
        unread.put(end, 0)
    except Exception:  # whatever we did not foresee: the client must not wait for its timeout
        log.exception("a stream could not be read on")
        unread.put(Refusal(200, INTERNAL_ERROR, "The gateway failed. Try again.", outcome="upstream_error"), 0)
