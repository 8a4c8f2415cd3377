"""Classify: which message, of which era, and of which session.

Rule: whatever is malformed is refused here, before it takes a place in the token's window.
"""

import msgspec

from common.admission.records import Question
from gateway.exchange import Exchange
from gateway.mcp_sessions.records import is_session_id
from gateway.protocol.eras import parse_spoken, require_legacy
from gateway.protocol.jsonrpc import Batch, ClientReply, Members, Message, parse_posted
from gateway.protocol.methods import CALLS, INITIALIZE, LISTEN
from gateway.protocol.refusals import bad_request
from upstream.eras import META_CLIENT, Era

MAX_CLIENT_NAME = 60
# What no session is called: asked about, it is not found.
UNKNOWN_SESSION = "unknown"


class _Client(msgspec.Struct):
    name: str = ""
    version: str = ""


_client = msgspec.json.Decoder(_Client)


def classify(exchange: Exchange) -> Message | ClientReply | Batch:
    """What was posted; fill in how it speaks, and of which session it is."""
    posted = parse_posted(exchange.body)
    if not isinstance(posted, Message):
        exchange.spoken = require_legacy(posted, exchange.environ)
        exchange.client = _client_of(exchange, None, None)
        _name_mcp_session(exchange)
        _require_sense(exchange, posted)
        return posted
    exchange.message, exchange.is_call = posted, posted.method in CALLS
    spoken = exchange.spoken = parse_spoken(posted, exchange.environ)
    if spoken.era is Era.LEGACY and posted.method != INITIALIZE:
        _name_mcp_session(exchange)
    exchange.is_stream = posted.method == LISTEN and spoken.era is Era.MODERN
    exchange.client = _client_of(exchange, posted, spoken.meta)
    return posted


def _require_sense(exchange: Exchange, posted: ClientReply | Batch) -> None:
    if isinstance(posted, ClientReply):
        if not exchange.mcp_session_id:
            raise bad_request("The body is a JSON-RPC response, and without a session nobody waits for it.")
    elif any(message.method == INITIALIZE for message in posted.requests):
        raise bad_request("A session begins with a request of its own: initialize cannot be part of a batch.")


def classify_bodiless(exchange: Exchange) -> None:
    """GET and DELETE say all in their headers."""
    exchange.spoken = require_legacy(None, exchange.environ)
    exchange.is_stream = exchange.environ["REQUEST_METHOD"] == "GET"
    _name_mcp_session(exchange)


def _name_mcp_session(exchange: Exchange) -> None:
    """The session that the request belongs to; what cannot be an id of ours is one that nobody knows."""
    said = exchange.environ.get("HTTP_MCP_SESSION_ID")
    if said is not None:
        exchange.mcp_session_id = said if is_session_id(said) else UNKNOWN_SESSION


def question_of(exchange: Exchange, cost: int) -> Question:
    """What admission has to answer for this exchange; what costs something is noted as begun."""
    note = exchange.message.method if exchange.is_call and exchange.message is not None else ""
    return Question(
        exchange.slug, exchange.digest, exchange.call_id, cost, exchange.is_call, note, exchange.mcp_session_id
    )


def _client_of(exchange: Exchange, message: Message | None, meta: Members | None) -> str:
    if meta is not None and META_CLIENT in meta:
        return _client_name(meta[META_CLIENT])
    if message is not None and message.method == INITIALIZE and "clientInfo" in message.params:
        return _client_name(message.params["clientInfo"])
    return exchange.environ.get("HTTP_USER_AGENT", "")[:MAX_CLIENT_NAME]


def _client_name(raw: msgspec.Raw) -> str:
    """For the record only: a client that names itself strangely is served all the same."""
    try:
        client = _client.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return f"{client.name}/{client.version}"[:MAX_CLIENT_NAME]
