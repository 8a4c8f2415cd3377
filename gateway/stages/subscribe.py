"""Subscribe: which resources' changes a legacy session is told of.

Rule: what a session follows lives in Redis; the process that holds its stream is told of each change. Only what
somebody offers can be followed (MCP 2025-11-25 server/resources, §Subscriptions).
"""

from common.errors import Unavailable
from gateway.catalog.catalogs import Catalogs
from gateway.exchange import Exchange
from gateway.mcp_sessions.store import MAX_SUBSCRIPTIONS, McpSessions, TooManySubscriptions
from gateway.protocol.eras import require_text
from gateway.protocol.methods import SUBSCRIBE
from gateway.protocol.refusals import INVALID_PARAMS, Refusal, no_mcp_session, no_such_resource, unavailable
from gateway.signals import SessionChanged, SignalBoard


def subscribe(exchange: Exchange, mcp_sessions: McpSessions, catalogs: Catalogs, board: SignalBoard) -> bytes:
    """The result of resources/subscribe or resources/unsubscribe, as JSON."""
    message, spoken, caller, snapshot = exchange.known
    slug, digest, mcp_session = exchange.slug, exchange.digest, exchange.mcp_session_id
    if not mcp_session:
        raise no_mcp_session("Subscriptions")
    uri = require_text(message.params, "uri")
    try:
        if message.method != SUBSCRIBE:
            mcp_sessions.unsubscribe(slug, digest, mcp_session, uri)
        elif catalogs.find_owner(snapshot, caller.environment, uri) is None:
            raise no_such_resource(uri, "", spoken.era)
        else:
            mcp_sessions.subscribe(slug, digest, mcp_session, uri)
    except TooManySubscriptions:
        reason = f"This session follows {MAX_SUBSCRIPTIONS} resources already: unsubscribe from one of them."
        raise Refusal(200, INVALID_PARAMS, reason, decision="subscriptions") from None
    except Unavailable:
        raise unavailable("Subscriptions cannot be kept at the moment. Try again in a second.") from None
    board.tell_all(SessionChanged(slug, digest, mcp_session))
    return b"{}"
