"""Classify: which message, which era, and what it costs.

Rule: whatever is malformed is refused here, before it takes a place in the token's window.
"""

import msgspec

from common.admission.records import Question
from gateway.exchange import Exchange
from gateway.protocol.eras import parse_spoken
from gateway.protocol.jsonrpc import parse_message
from gateway.protocol.methods import CALLS
from upstream.eras import META_CLIENT

MAX_CLIENT_NAME = 60


class _Client(msgspec.Struct):
    name: str = ""
    version: str = ""


_client = msgspec.json.Decoder(_Client)


def classify(exchange: Exchange) -> Question:
    """The question that admission has to answer for this request."""
    message = exchange.message = parse_message(exchange.body)
    spoken = exchange.spoken = parse_spoken(message, exchange.environ)
    meta = spoken.meta
    if meta is not None and META_CLIENT in meta:
        exchange.client = _client_name(meta[META_CLIENT])
    elif message.method == "initialize" and "clientInfo" in message.params:
        exchange.client = _client_name(message.params["clientInfo"])
    else:
        exchange.client = exchange.environ.get("HTTP_USER_AGENT", "")[:MAX_CLIENT_NAME]
    return Question(
        slug=exchange.slug,
        digest=exchange.digest,
        call_id=exchange.call_id,
        cost=0 if message.id is None else 1,
        is_call=message.method in CALLS,
        note=message.method if message.method in CALLS else "",
    )


def _client_name(raw: msgspec.Raw) -> str:
    """For the record only: a client that names itself strangely is served all the same."""
    try:
        client = _client.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        return ""
    return f"{client.name}/{client.version}"[:MAX_CLIENT_NAME]
