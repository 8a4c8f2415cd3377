"""Listen: the streams on which a client hears of what changes.

Rule: a listen stream says first what it will tell, and tells nothing else (MCP 2026-07-28 basic/patterns,
Subscriptions). When it has said so, its servers are being watched, as far as they answer in time. A legacy session
has one stream: the newest (MCP 2025-11-25 basic/transports, §Listening for Messages).
"""

from collections.abc import Generator

from gateway.catalog.catalogs import Catalogs
from gateway.directory.callers import parse_caller
from gateway.exchange import Exchange, Response
from gateway.open_exchanges import Cut
from gateway.open_streams import OpenStream, OpenStreams
from gateway.places import Place
from gateway.protocol.headers import EVENT_HEADERS
from gateway.protocol.subscriptions import CHANGES, Wants, parse_wants, render_acknowledged
from gateway.session_streams import SessionStreams
from gateway.watches.watches import Watches
from upstream.sse import render_comment, render_event

# A server that has not answered by now is told to be watched all the same; what it changes until then is told.
SETTLE_SECONDS = 0.5


def listen(exchange: Exchange, streams: OpenStreams, watches: Watches, catalogs: Catalogs) -> Response:
    """The stream of a modern client. Resources that nobody offers are left out of what is promised."""
    message, _, caller, snapshot = exchange.known
    wants = parse_wants(message.params)
    known = tuple(catalogs.find_owners(snapshot, caller.environment, wants.uris))
    place = Place(exchange.slug, caller.environment)
    stream = OpenStream(place, exchange, wants._replace(uris=known), subscription=exchange.request_id)
    exchange.shed()
    return Response(200, _listen(stream, streams, watches), EVENT_HEADERS)


def open_get_stream(
    exchange: Exchange, streams: OpenStreams, watches: Watches, session_streams: SessionStreams
) -> Response:
    """The stream of a legacy client's session."""
    answer = exchange.answer
    if answer is None:
        raise RuntimeError("A stream was opened that admission has not passed.")
    place = Place(exchange.slug, parse_caller(answer.ref).environment)
    # Redis' clock comes first: of streams opened at several gateways all see the same one as the newest.
    nonce = f"{answer.time_us:016x}-{exchange.call_id}"
    stream = OpenStream(place, exchange, Wants(frozenset(CHANGES), ()), nonce=nonce)
    return Response(200, _follow(stream, streams, watches, session_streams), EVENT_HEADERS)


def _listen(stream: OpenStream, streams: OpenStreams, watches: Watches) -> Generator[bytes]:
    streams.open(stream)
    try:
        watches.enter(stream)
        watches.wait_settled(stream.place, SETTLE_SECONDS)
        yield render_event(render_acknowledged(stream.wants, stream.subscription))
        yield from _told(stream)
    except Cut as cut:
        if cut.refusal is not None:
            yield render_event(cut.refusal.body(stream.subscription))
    finally:
        streams.close(stream)
        watches.leave(stream)


def _follow(
    stream: OpenStream, streams: OpenStreams, watches: Watches, session_streams: SessionStreams
) -> Generator[bytes]:
    streams.open(stream)
    try:
        yield render_comment()  # the client waits for the head, and nothing may happen for hours
        watches.enter(stream)  # before anything that waits: a client cannot tell when its servers are watched
        session_streams.enter(stream)
        yield from _told(stream)
    except Cut:
        return  # the stream has no request that a refusal could answer; the next one is refused
    finally:
        streams.close(stream)
        watches.leave(stream)


def _told(stream: OpenStream) -> Generator[bytes]:
    while events := stream.take():
        yield events
