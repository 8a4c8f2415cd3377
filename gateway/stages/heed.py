"""Heed: what a client says without waiting for an answer.

Rule: it is always accepted, and acted on where there is something to do; what nobody knows is dropped (JSON-RPC 2.0
§4.1). It takes no place in the token's window.
"""

from contextlib import suppress

import gevent

from gateway.directory.callers import parse_caller
from gateway.directory.snapshots import Server
from gateway.directory.upstreams import OF_CLIENT, Upstreams
from gateway.exchange import Exchange
from gateway.open_exchanges import OpenExchanges
from gateway.protocol.jsonrpc import ClientReply, Message, is_id
from gateway.protocol.refusals import Refusal
from gateway.relayed import Client, RelayedRequests
from gateway.signals import Cancelled, SignalBoard
from upstream.faults import UpstreamFault

ROOTS_CHANGED = "notifications/roots/list_changed"


def heed_notification(exchange: Exchange, message: Message, board: SignalBoard, upstreams: Upstreams) -> None:
    if not exchange.mcp_session_id:
        return
    if message.method == "notifications/cancelled":
        request_id = message.params.get("requestId")
        if request_id is not None and is_id(request_id):
            board.tell_all(Cancelled(exchange.slug, exchange.digest, exchange.mcp_session_id, bytes(request_id)))
    elif message.method == ROOTS_CHANGED:
        for server in exchange.snapshot.servers if exchange.snapshot is not None else ():
            if server.sessions == OF_CLIENT:
                gevent.spawn(_pass_on, exchange, server, message.method, upstreams)


def _pass_on(exchange: Exchange, server: Server, method: str, upstreams: Upstreams) -> None:
    """Tell a server that keeps a session for this client alone, if it has one open."""
    answer, snapshot = exchange.answer, exchange.snapshot
    if answer is None or snapshot is None:
        return
    party = upstreams.party(server, exchange)
    with suppress(UpstreamFault):  # a server that cannot be told asks again, or its next call fails
        upstreams.get(snapshot, parse_caller(answer.ref).environment, server).notify(party, method)


def heed_reply(exchange: Exchange, reply: ClientReply, relayed: RelayedRequests) -> None:
    """An answer to a request that a server has made of this session's client."""
    if exchange.mcp_session_id:
        relayed.hand_over(Client(exchange.slug, exchange.digest, exchange.mcp_session_id), reply)


def cancel(cancelled: Cancelled, open_exchanges: OpenExchanges) -> None:
    """End the call that its client no longer wants (MCP 2025-11-25 basic/utilities/cancellation)."""
    exchange = open_exchanges.find_request(cancelled.slug, cancelled.digest, cancelled.session, cancelled.request_id)
    if exchange is not None:
        open_exchanges.cut(exchange, Refusal(200, -31499, "The client has cancelled the call.", decision="cancelled"))
