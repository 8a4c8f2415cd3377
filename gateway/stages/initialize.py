"""Initialize: an MCP session's beginning, its memory and its end.

Rule: a session belongs to the token that began it. It lives in Redis, so that any gateway process can go on with it.
"""

from msgspec import MsgspecError, Raw

from common.errors import Unavailable
from gateway.exchange import Exchange
from gateway.mcp_sessions.records import McpSession
from gateway.mcp_sessions.store import McpSessions
from gateway.protocol.capabilities import MAX_DECLARED, NONE
from gateway.protocol.eras import agreed_version
from gateway.protocol.jsonrpc import decode_string
from gateway.protocol.refusals import INVALID_PARAMS, bad_request, mcp_session_unknown, no_mcp_session, unavailable
from gateway.signals import SessionEnded, SignalBoard
from upstream.levels import LEVELS


def begin_mcp_session(exchange: Exchange, mcp_sessions: McpSessions) -> str:
    """The id of a new session with this client."""
    message, _, _, _ = exchange.known
    declared = bytes(message.params.get("capabilities", Raw(NONE)))
    capabilities = declared if len(declared) <= MAX_DECLARED else NONE
    mcp_session = McpSession(agreed_version(message), capabilities, exchange.client)
    try:
        return mcp_sessions.begin(exchange.slug, exchange.digest, mcp_session)
    except Unavailable:
        raise unavailable("A session cannot be begun at the moment. Try again in a second.") from None


def set_log_level(exchange: Exchange, mcp_sessions: McpSessions) -> bytes:
    """From which level on this session's client wants log messages (MCP 2025-11-25 server/utilities/logging)."""
    try:
        level = decode_string(exchange.known.message.params["level"])
    except (KeyError, MsgspecError):
        level = ""
    if level not in LEVELS:
        raise bad_request(f'"params.level" must be one of {", ".join(LEVELS)}.', INVALID_PARAMS)
    if not exchange.mcp_session_id:
        raise no_mcp_session("Log levels")
    try:
        mcp_sessions.set_level(exchange.slug, exchange.digest, exchange.mcp_session_id, level)
    except Unavailable:
        raise unavailable("The level cannot be kept at the moment. Try again in a second.") from None
    return b"{}"


def end_mcp_session(exchange: Exchange, mcp_sessions: McpSessions, board: SignalBoard) -> None:
    """The client says that it is done: whatever any process holds for the session is let go of."""
    slug, digest, mcp_session = exchange.slug, exchange.digest, exchange.mcp_session_id
    try:
        is_ended = mcp_sessions.end(slug, digest, mcp_session)
    except Unavailable:
        raise unavailable("The session cannot be ended at the moment. Try again in a second.") from None
    if not is_ended:
        raise mcp_session_unknown()
    board.tell_all(SessionEnded(slug, digest, mcp_session))
