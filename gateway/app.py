"""The gateway's WSGI application: the one conductor of the stages.

    receive → authenticate → classify → admit → route → forward → converse → relay → record

Rule: a stage never calls another. Every way out is a JSON-RPC body; what was noted as begun is recorded once.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from http import HTTPStatus
from typing import Any

import gevent
import structlog

from common import clock
from gateway.exchange import Exchange, Response
from gateway.health import PATHS
from gateway.http import ClientGone
from gateway.http import Refusal as HttpRefusal
from gateway.limits import Buckets
from gateway.open_exchanges import Cut
from gateway.parts import Parts
from gateway.protocol.jsonrpc import Batch, ClientReply, Message, result_body
from gateway.protocol.methods import CALLS
from gateway.protocol.refusals import INTERNAL_ERROR, Headers, Refusal, too_busy, too_large_together, unavailable
from gateway.settings import GatewaySettings
from gateway.signals import Cancelled
from gateway.stages.admit import admit
from gateway.stages.answer import answer_locally
from gateway.stages.authenticate import authenticate
from gateway.stages.classify import classify, classify_bodiless, question_of
from gateway.stages.converse import converse, find_whole
from gateway.stages.forward import forward
from gateway.stages.heed import ROOTS_CHANGED, cancel, heed_notification, heed_reply
from gateway.stages.initialize import begin_mcp_session, end_mcp_session, set_log_level
from gateway.stages.listen import listen, open_get_stream
from gateway.stages.receive import (
    allowed_origins,
    cross_origin_headers,
    preflight_headers,
    read_body,
    receive,
    require_event_stream,
    require_media_types,
)
from gateway.stages.record import record
from gateway.stages.relay import relay, relay_whole, render_fault
from gateway.stages.route import route
from gateway.stages.split import Turns, split
from gateway.stages.subscribe import subscribe
from gateway.streamed import StreamedResponse
from upstream.eras import Era
from upstream.faults import UpstreamFault

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_JSON = ("Content-Type", "application/json")
# Notifications take no place in the window; these bounds only keep them from being a flood.
NOTIFICATIONS_PER_SECOND = 50
NOTIFICATIONS_AT_ONCE = 200

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

log = structlog.get_logger()


class Gateway:
    def __init__(self, settings: GatewaySettings, boot: str, parts: Parts) -> None:
        self._boot = boot
        self._numbers = itertools.count(1)
        self._origins = allowed_origins((settings.gateway_url, settings.portal_url, *settings.allowed_origins))
        self._parts = parts
        parts.board.on(Cancelled, partial(cancel, open_exchanges=parts.open_exchanges))
        self._notifications: Buckets[bytes] = Buckets(
            rate=NOTIFICATIONS_PER_SECOND, burst=NOTIFICATIONS_AT_ONCE, size=10_000
        )
        # Each is told to every server that keeps a session for the client alone.
        self._roots: Buckets[str] = Buckets(rate=1, burst=2, size=10_000)
        # All streams that a token may have come back at once when a process has been started anew.
        self._openings: Buckets[bytes] = Buckets(
            rate=NOTIFICATIONS_PER_SECOND, burst=2 * settings.max_open_streams, size=10_000
        )

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in PATHS:
            status, body = self._parts.health.answer(environ["PATH_INFO"])
            return self._send(Response(status, body), body, (), start_response)
        began_us = clock.now_us()
        exchange = Exchange(environ, began_us, f"{began_us:x}-{self._boot}-{next(self._numbers):x}")
        response = self._guard(exchange, self._answer)
        cors = cross_origin_headers(exchange, self._origins) if "HTTP_ORIGIN" in environ else ()
        if isinstance(response.body, bytes):
            exchange.response_bytes = len(response.body)
            self._finish(exchange)
            return self._send(response, response.body, cors, start_response)
        start_response(_STATUS_LINES[response.status], [*response.headers, *cors])
        return StreamedResponse(exchange, response.body, self._parts.open_exchanges, self._finish)

    def _guard(self, exchange: Exchange, answer: Callable[[Exchange], Response]) -> Response:
        """Its answer, or what the client is told instead of one; whatever else ends it is recorded on its way out."""
        try:
            return answer(exchange)
        except (Refusal, Cut) as end:
            return self._refuse(exchange, end if isinstance(end, Refusal) else end.refusal)
        except (HttpRefusal, ClientGone):  # the body did not come: the HTTP server has the answer to that
            self._finish(exchange)
            raise
        except Exception:  # whatever we did not foresee: the client gets JSON all the same, and the log the trace
            log.exception("exchange failed", call_id=exchange.call_id)
            return self._refuse(exchange, Refusal(500, INTERNAL_ERROR, "The gateway failed. Try again."))
        except BaseException:
            if exchange.outcome == "ok":
                exchange.outcome, exchange.decision = "cut", "ended"
            self._finish(exchange)
            raise

    def _answer(self, exchange: Exchange) -> Response:
        """Down the stages once; Refusal at any of them."""
        verb = exchange.environ["REQUEST_METHOD"]
        if verb == "OPTIONS":
            return Response(204, b"", preflight_headers(exchange))
        receive(exchange, self._origins)
        authenticate(exchange)
        if verb != "POST":
            return self._answer_about_mcp_session(exchange)
        require_media_types(exchange)
        if self._parts.recorder.is_full:
            raise unavailable("The gateway cannot record calls at the moment. Try again in a second.")
        read_body(exchange)
        posted = classify(exchange)
        if isinstance(posted, Batch):
            if posted.requests:
                return self._answer_batch(exchange, posted)
            return self._heed(exchange, *posted.notifications, *posted.replies)
        if isinstance(posted, ClientReply) or posted.id is None:
            return self._heed(exchange, posted)
        self._open(exchange, 1)
        return self._answer_request(exchange, posted.method)

    def _open(self, exchange: Exchange, cost: int) -> None:
        parts = self._parts
        parts.open_exchanges.enter(exchange)
        admit(exchange, question_of(exchange, cost), parts.admission, parts.snapshots)

    def _answer_request(self, exchange: Exchange, method: str) -> Response:
        """The response to one request that has been admitted."""
        parts = self._parts
        if method in CALLS:
            return self._call(exchange)
        headers: Headers = ()
        match exchange.known.spoken.era, method:
            case Era.MODERN, "subscriptions/listen":
                return listen(exchange, parts.streams, parts.watches, parts.catalogs)
            case Era.LEGACY, "resources/subscribe" | "resources/unsubscribe":
                result = subscribe(exchange, parts.mcp_sessions, parts.catalogs, parts.board)
            case Era.LEGACY, "logging/setLevel":
                result = set_log_level(exchange, parts.mcp_sessions)
            case Era.LEGACY, "initialize":
                result = answer_locally(exchange, parts.catalogs)
                headers = (("Mcp-Session-Id", begin_mcp_session(exchange, parts.mcp_sessions)),)
            case _:
                result = answer_locally(exchange, parts.catalogs)
        return Response(200, result_body(exchange.request_id, result), headers)

    def _call(self, exchange: Exchange) -> Response:
        parts = self._parts
        route(exchange, parts.catalogs)
        try:
            if not parts.parked.resume(exchange):
                forward(exchange, parts.upstreams, parts.attended)
            whole = find_whole(exchange)
            if whole is not None:
                return relay_whole(exchange, whole)
            again = partial(forward, exchange, parts.upstreams, parts.attended)
            return relay(exchange, converse(exchange, parts.relayed, parts.parked, parts.watches, again))
        except UpstreamFault as fault:
            return Response(200, render_fault(exchange, fault))

    def _answer_batch(self, exchange: Exchange, batch: Batch) -> Response:
        """Several requests at once: all of them are admitted or none, and the answers come together."""
        exchange.is_call = any(message.method in CALLS for message in batch.requests)
        self._require_few(exchange, len(batch.notifications) + len(batch.replies))
        self._open(exchange, len(batch.requests))
        for said in (*batch.notifications, *batch.replies):
            self._act_on(exchange, said)
        singles = split(exchange, batch.requests)
        for single in singles:
            self._parts.open_exchanges.enter(single)
        turns = Turns()
        answering = [gevent.spawn(self._answer_single, single, turns) for single in singles]
        try:
            gevent.joinall(answering)
        finally:  # cut, or nobody is there any more: what is under way ends with it, and all of it is recorded
            gevent.killall(answering, block=False)
            for single in singles:
                if single.answer is not None:  # it is not on record yet
                    single.outcome, single.decision = "cut", "ended"
                self._finish(single)
        return Response(200, b"[" + b",".join(each.get() for each in answering) + b"]")

    def _answer_single(self, exchange: Exchange, turns: Turns) -> bytes:
        response = self._guard(exchange, partial(self._answer_in_turn, turns))
        body = response.body if isinstance(response.body, bytes) else b""
        if not turns.has_room(len(body)):
            body = too_large_together().body(exchange.request_id)
        exchange.response_bytes = len(body)
        self._finish(exchange)
        return body

    def _answer_in_turn(self, turns: Turns, exchange: Exchange) -> Response:
        self._parts.open_exchanges.enter(exchange)  # again: from here on a cut reaches this greenlet, its turn or not
        with turns.one:
            return self._answer_request(exchange, exchange.known.message.method)

    def _answer_about_mcp_session(self, exchange: Exchange) -> Response:
        """GET opens the session's stream, DELETE ends the session."""
        parts = self._parts
        classify_bodiless(exchange)
        if not self._openings.take(exchange.digest, clock.monotonic()):
            raise too_busy("Too many streams and sessions were opened or ended at once. Wait a moment.")
        if exchange.is_stream:
            require_event_stream(exchange)
            self._open(exchange, 0)
            return open_get_stream(exchange, parts.streams, parts.watches, parts.session_streams)
        self._open(exchange, 0)
        end_mcp_session(exchange, parts.mcp_sessions, parts.board)
        return Response(204, b"")

    def _heed(self, exchange: Exchange, *said: Message | ClientReply) -> Response:
        """What needs no answer is accepted, once the token has been judged."""
        self._require_few(exchange, len(said))
        self._open(exchange, 0)
        for each in said:
            self._act_on(exchange, each)
        return Response(202, b"")

    def _act_on(self, exchange: Exchange, said: Message | ClientReply) -> None:
        if isinstance(said, ClientReply):
            heed_reply(exchange, said, self._parts.relayed)
        elif said.method != ROOTS_CHANGED or self._roots.take(exchange.mcp_session_id, clock.monotonic()):
            heed_notification(exchange, said, self._parts.board, self._parts.upstreams)

    def _require_few(self, exchange: Exchange, count: int) -> None:
        """What takes no place in the window must not be a flood either."""
        if not self._notifications.take(exchange.digest, clock.monotonic(), count):
            raise too_busy("Too many notifications at once. Send fewer.")

    def _refuse(self, exchange: Exchange, refusal: Refusal | None) -> Response:
        """The answer to a refused, cut or failed exchange; None when nobody is there to read it."""
        refusal = refusal or unavailable("The client has gone.")
        if exchange.outcome == "ok":
            exchange.outcome, exchange.decision = refusal.outcome, refusal.decision
        return Response(refusal.status, refusal.body(exchange.request_id), refusal.headers)

    def _finish(self, exchange: Exchange) -> None:
        """The exchange is over: no cut reaches it any more, its reply is closed, its end is recorded."""
        parts = self._parts
        parts.open_exchanges.leave(exchange)
        if exchange.asked:
            for relayed_id in exchange.asked.values():
                parts.relayed.withdraw(relayed_id)
        try:
            if exchange.reply is not None:
                exchange.reply.close()
        finally:
            record(exchange, parts.recorder)

    def _send(self, response: Response, body: bytes, cors: Headers, start_response: StartResponse) -> list[bytes]:
        headers = [*response.headers, *cors]
        if body:
            headers.append(_JSON)
        start_response(_STATUS_LINES[response.status], headers)
        return [body]
