"""The gateway's WSGI application: the one conductor of the stages.

    receive → authenticate → classify → admit → route → forward → relay → record

Rule: a stage never calls another. Every way out is a JSON-RPC body; what was noted as begun is recorded once.
"""

import itertools
from collections.abc import Callable, Generator, Iterable, Mapping
from http import HTTPStatus
from typing import Any

import structlog

from common import clock
from common.admission.records import Question
from gateway.admission import Admission
from gateway.catalog.catalogs import Catalogs
from gateway.directory.snapshots import Snapshots
from gateway.directory.upstreams import Upstreams
from gateway.exchange import Exchange, Response
from gateway.health import PATHS, Health
from gateway.http import ClientGone
from gateway.http import Refusal as HttpRefusal
from gateway.limits import Buckets
from gateway.open_exchanges import Cut, OpenExchanges
from gateway.protocol.jsonrpc import result_body
from gateway.protocol.methods import CALLS
from gateway.protocol.refusals import INTERNAL_ERROR, Headers, Refusal, too_busy, unavailable
from gateway.recorder import Recorder
from gateway.settings import GatewaySettings
from gateway.stages.admit import admit
from gateway.stages.answer import answer_locally
from gateway.stages.authenticate import authenticate
from gateway.stages.classify import classify
from gateway.stages.forward import forward
from gateway.stages.receive import (
    allowed_origins,
    cross_origin_headers,
    preflight_headers,
    read_body,
    receive,
    require_media_types,
)
from gateway.stages.record import record
from gateway.stages.relay import relay, render_fault
from gateway.stages.route import route
from upstream.faults import UpstreamFault

StartResponse = Callable[[str, list[tuple[str, str]]], Any]

_JSON = ("Content-Type", "application/json")
# Notifications take no place in the window; these bounds only keep them from being a flood.
NOTIFICATIONS_PER_SECOND = 50
NOTIFICATIONS_AT_ONCE = 200

_STATUS_LINES = {status.value: f"{status.value} {status.phrase}" for status in HTTPStatus}

log = structlog.get_logger()


class Gateway:
    def __init__(
        self,
        settings: GatewaySettings,
        boot: str,
        *,
        health: Health,
        admission: Admission,
        snapshots: Snapshots,
        catalogs: Catalogs,
        upstreams: Upstreams,
        recorder: Recorder,
        open_exchanges: OpenExchanges,
    ) -> None:
        self._settings = settings
        self._call_ids = (f"{boot}-{number:x}" for number in itertools.count(1))
        self._origins = allowed_origins((settings.gateway_url, settings.portal_url, *settings.allowed_origins))
        self._health = health
        self._admission = admission
        self._snapshots = snapshots
        self._catalogs = catalogs
        self._upstreams = upstreams
        self._recorder = recorder
        self._open = open_exchanges
        self._notifications: Buckets[bytes] = Buckets(
            rate=NOTIFICATIONS_PER_SECOND, burst=NOTIFICATIONS_AT_ONCE, size=10_000
        )

    def __call__(self, environ: Mapping[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] in PATHS:
            status, body = self._health.answer(environ["PATH_INFO"])
            return self._send(Response(status, body), body, (), start_response)
        began_us = clock.now_us()
        exchange = Exchange(environ, began_us, f"{began_us:x}-{next(self._call_ids)}")
        try:
            response = self._answer(exchange)
        except (Refusal, Cut) as end:
            response = self._refuse(exchange, end if isinstance(end, Refusal) else end.refusal)
        except (HttpRefusal, ClientGone):  # the body did not come: the HTTP server has the answer to that
            self._finish(exchange)
            raise
        except Exception:  # whatever we did not foresee: the client gets JSON all the same, and the log the trace
            log.exception("exchange failed", call_id=exchange.call_id)
            response = self._refuse(exchange, Refusal(500, INTERNAL_ERROR, "The gateway failed. Try again."))
        except BaseException:
            self._finish(exchange)
            raise
        cors = cross_origin_headers(exchange, self._origins)
        if isinstance(response.body, bytes):
            exchange.response_bytes = len(response.body)
            self._finish(exchange)
            return self._send(response, response.body, cors, start_response)
        start_response(_STATUS_LINES[response.status], [*response.headers, *cors])
        return _Stream(exchange, response.body, self._finish)

    def _answer(self, exchange: Exchange) -> Response:
        """Down the stages once; Refusal at any of them."""
        if exchange.environ["REQUEST_METHOD"] == "OPTIONS":
            return Response(204, b"", preflight_headers())
        receive(exchange, self._origins)
        authenticate(exchange)
        require_media_types(exchange)
        if self._recorder.is_full:
            raise unavailable("The gateway cannot record calls at the moment. Try again in a second.")
        read_body(exchange)
        question = classify(exchange)
        self._open.enter(exchange)
        if question.cost == 0:
            return self._accept_notification(exchange, question)
        admit(exchange, question, self._admission, self._snapshots)
        if exchange.known.message.method not in CALLS:
            return Response(200, result_body(exchange.request_id, answer_locally(exchange, self._catalogs)))
        route(exchange, self._catalogs)
        try:
            upstream = forward(exchange, self._upstreams)
            return relay(exchange, upstream)
        except UpstreamFault as fault:
            return Response(200, render_fault(exchange, fault))

    def _accept_notification(self, exchange: Exchange, question: Question) -> Response:
        """A notification is accepted and dropped: there is none yet that this gateway acts on."""
        if not self._notifications.take(exchange.digest, clock.monotonic()):
            raise too_busy("Too many notifications at once. Send fewer.")
        admit(exchange, question, self._admission, self._snapshots)
        return Response(202, b"")

    def _refuse(self, exchange: Exchange, refusal: Refusal | None) -> Response:
        """The answer to a refused, cut or failed exchange; None when nobody is there to read it."""
        refusal = refusal or unavailable("The client has gone.")
        if exchange.outcome == "ok":
            exchange.outcome, exchange.decision = refusal.outcome, refusal.decision
        return Response(refusal.status, refusal.body(exchange.request_id), refusal.headers)

    def _finish(self, exchange: Exchange) -> None:
        """The exchange is over: no cut reaches it any more, its reply is closed, its end is recorded."""
        self._open.leave(exchange)
        try:
            if exchange.reply is not None:
                exchange.reply.close()
        finally:
            record(exchange, self._recorder)

    def _send(self, response: Response, body: bytes, cors: Headers, start_response: StartResponse) -> list[bytes]:
        headers = [*response.headers, *cors]
        if body:
            headers.append(_JSON)
        start_response(_STATUS_LINES[response.status], headers)
        return [body]


class _Stream:
    """A streamed response; closing it ends the exchange."""

    def __init__(self, exchange: Exchange, events: Generator[bytes], finish: Callable[[Exchange], None]) -> None:
        self._exchange = exchange
        self._events = events
        self._finish = finish

    def __iter__(self) -> "_Stream":
        return self

    def __next__(self) -> bytes:
        event = next(self._events)
        self._exchange.response_bytes += len(event)
        return event

    def close(self) -> None:
        self._events.close()
        self._finish(self._exchange)
