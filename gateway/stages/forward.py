"""Forward: send an admitted call to its server.

Rule: nothing of the caller's credentials, cookies or headers goes along; ids and progress tokens are our own.
A call is never sent twice once its first byte has left.
"""

from msgspec import Raw

from common import clock
from gateway.directory.upstreams import Upstreams
from gateway.exchange import Exchange
from gateway.protocol.eras import LOG_LEVEL, PROGRESS_TOKEN
from gateway.protocol.jsonrpc import decode_members, encode
from gateway.protocol.methods import COMPLETE, NAMED_BY
from upstream.client import Upstream
from upstream.eras import META_CAPABILITIES, RESERVED_META, Era


def forward(exchange: Exchange, upstreams: Upstreams) -> Upstream:
    """Fill in `reply`, and say who gave it; UpstreamFault when the server gave none."""
    message, spoken, caller, snapshot = exchange.known
    target = exchange.route
    if target is None:
        raise RuntimeError("A call was forwarded that has no route.")
    upstream = upstreams.get(snapshot, caller.environment, target.server)
    params = {member: raw for member, raw in message.params.items() if member != "_meta"}
    if message.method == COMPLETE:
        params["ref"] = _refer(params["ref"], target.name)
    else:
        params[NAMED_BY[message.method]] = Raw(encode(target.name))
    meta = spoken.meta or {}
    passed = {key: raw for key, raw in meta.items() if not key.startswith(RESERVED_META) or key == LOG_LEVEL}
    if PROGRESS_TOKEN in passed:
        passed[PROGRESS_TOKEN] = Raw(encode(exchange.call_id))
    exchange.called_at = clock.monotonic()
    try:
        exchange.reply = upstream.call(
            message.method,
            params,
            name=None if message.method == COMPLETE else target.name,
            meta=passed,
            capabilities=bytes(meta[META_CAPABILITIES]) if spoken.era is Era.MODERN else None,
            mirrored=exchange.mirrored,
            timeout=min(target.server.timeout, snapshot.execution_timeout),
        )
    finally:
        exchange.note_upstream_time()
    return upstream


def _refer(raw: Raw, name: str) -> Raw:
    """The reference of a completion under the name by which the server knows the prompt; a URI stays."""
    reference = decode_members(raw)
    if "name" in reference:
        reference["name"] = Raw(encode(name))
    return Raw(encode(reference))
