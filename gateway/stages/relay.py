"""Relay: hand the server's answer on, whole or as events arrive.

Rule: an answer that came whole, or before anything else was said, goes out as JSON, so that its status survives.
On a stream only what belongs to this request is passed on: its progress, its log messages, its response.
"""

from collections.abc import Generator, Iterator

import gevent
from gevent.queue import Empty, Queue
from msgspec import MsgspecError, Raw

from gateway.exchange import Exchange, Response
from gateway.identity import server_info
from gateway.open_exchanges import Cut
from gateway.protocol.envelopes import (
    is_input_required,
    is_missing_capability,
    is_tool_error,
    render_error,
    render_result,
    render_tool_error,
)
from gateway.protocol.eras import LOG_LEVEL, PROGRESS_TOKEN
from gateway.protocol.jsonrpc import Members, decode_members, encode, result_body
from gateway.protocol.refusals import UPSTREAM_FAILED
from upstream.client import Upstream
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.sse import render_comment, render_event

EVENT_HEADERS = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)
# A silent stream says that it is alive this often: proxies on the way close one that is quiet for longer.
KEEP_ALIVE_SECONDS = 15
# Events that the client is too slow to take; beyond this many the server is made to wait.
MAX_UNREAD_EVENTS = 64

_NEEDS_INPUT = (
    "The tool asks for input that this client's protocol version cannot give. Use a client that speaks MCP 2026-07-28."
)


def relay(exchange: Exchange, upstream: Upstream) -> Response:
    """The response to a forwarded call; UpstreamFault when the server fails before its first event."""
    reply = exchange.reply
    if reply is None:
        raise RuntimeError("A call was relayed that was not forwarded.")
    if reply.message is not None:
        return _whole(exchange, reply.message, reply.era)
    events = _passed_on(exchange, iter(reply.events or ()), upstream)
    first = next(events)
    if "method" not in first:
        reply.close()
        return _whole(exchange, first, reply.era)
    return Response(200, _stream(exchange, first, events, reply.era), EVENT_HEADERS)


def _whole(exchange: Exchange, message: Members, upstream: Era) -> Response:
    """An answer that is no stream: a modern client reads some errors from the status too."""
    body = render_response(exchange, message, upstream)
    lacks_capability = exchange.known.spoken.era is Era.MODERN and is_missing_capability(message)
    return Response(400 if lacks_capability else 200, body)


def render_response(exchange: Exchange, message: Members, upstream: Era) -> bytes:
    """The server's response under the client's id and in the client's era; notes the outcome."""
    request, spoken, _, snapshot = exchange.known
    error = message.get("error")
    is_question = spoken.era is Era.LEGACY and is_missing_capability(message)
    if error is not None and not is_question:
        exchange.outcome = "upstream_error"
        return _error_body(exchange, render_error(error, client=spoken.era))
    try:
        result = {} if is_question else decode_members(message["result"])
    except (MsgspecError, RecursionError):
        raise UpstreamFault("invalid_json", "The server's result is not a JSON object.", may_have_run=True) from None
    if is_question or (spoken.era is Era.LEGACY and is_input_required(result)):
        if request.method != "tools/call":
            exchange.outcome = "upstream_error"
            return _error_body(exchange, Raw(encode({"code": UPSTREAM_FAILED, "message": _NEEDS_INPUT})))
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
    sentence = f"{name}: {fault.call_sentence}"
    if request.method != "tools/call":
        return _error_body(exchange, Raw(encode({"code": UPSTREAM_FAILED, "message": sentence})))
    result = render_result(
        render_tool_error(sentence),
        client=spoken.era,
        upstream=Era.LEGACY,
        server_info=server_info(snapshot),
    )
    return result_body(exchange.request_id, result)


def _error_body(exchange: Exchange, error: Raw) -> bytes:
    return b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (exchange.request_id, bytes(error))


def _stream(exchange: Exchange, first: Members, events: Iterator[Members], upstream: Era) -> Generator[bytes]:
    """The events as they arrive, keep-alives while none does, and a last one that is always a response."""
    unread: Queue[Members | UpstreamFault] = Queue(MAX_UNREAD_EVENTS)
    reading = gevent.spawn(_read_into, unread, events)
    try:
        event: Members | UpstreamFault = first
        while not isinstance(event, UpstreamFault) and "method" in event:
            yield render_event(encode(event))
            while True:
                try:
                    event = unread.get(timeout=KEEP_ALIVE_SECONDS)
                    break
                except Empty:
                    yield render_comment()
        yield render_event(_last(exchange, event, upstream))
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


def _last(exchange: Exchange, event: Members | UpstreamFault, upstream: Era) -> bytes:
    try:
        if isinstance(event, UpstreamFault):
            return render_fault(exchange, event)
        return render_response(exchange, event, upstream)
    except UpstreamFault as fault:
        return render_fault(exchange, fault)


def _read_into(unread: "Queue[Members | UpstreamFault]", events: Iterator[Members]) -> None:
    try:
        for event in events:
            unread.put(event)
    except UpstreamFault as fault:
        unread.put(fault)


def _passed_on(exchange: Exchange, events: Iterator[Members], upstream: Upstream) -> Iterator[Members]:
    """Of a server's messages those that are for this client, with its own progress token; the last is the response."""
    for event in events:
        if "method" not in event:
            yield event
        elif "id" in event:
            gevent.spawn(_decline, upstream, event["id"])
        elif bytes(event["method"]) == b'"notifications/progress"':
            if _restore_progress_token(exchange, event):
                yield event
        elif bytes(event["method"]) == b'"notifications/message"' and _wants_log(exchange):
            yield event


def _decline(upstream: Upstream, request_id: Raw) -> None:
    """A server asks the client something that we declared nobody here can answer: say so, so that it goes on."""
    refusal = b'{"code":-32601,"message":"This gateway does not pass requests of servers on to clients."}'
    try:
        upstream.send(b'{"jsonrpc":"2.0","id":%b,"error":%b}' % (bytes(request_id), refusal))
    except UpstreamFault:
        return  # its call fails by itself then, and says so


def _wants_log(exchange: Exchange) -> bool:
    """Modern clients ask for log messages per request; legacy ones take what comes."""
    spoken = exchange.known.spoken
    return spoken.era is Era.LEGACY or LOG_LEVEL in (spoken.meta or {})


def _restore_progress_token(exchange: Exchange, event: Members) -> bool:
    """Put the client's progress token in the place of ours; False where the event is not this request's."""
    own = (exchange.known.spoken.meta or {}).get(PROGRESS_TOKEN)
    try:
        params = decode_members(event["params"])
    except (KeyError, MsgspecError, RecursionError):
        return False
    if own is None or bytes(params.get(PROGRESS_TOKEN, Raw(b""))) != encode(exchange.call_id):
        return False
    params[PROGRESS_TOKEN] = own
    event["params"] = Raw(encode(params))
    return True
