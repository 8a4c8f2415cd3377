"""Forward: send an admitted call to its server.

Rule: nothing of the caller's credentials, cookies or headers goes along; ids and progress tokens are our own.
A call is sent once; once more only to a server that says it does not know our session, and so has not looked at it,
and to one that asked something first, with the answers.
"""

from functools import partial

from msgspec import Raw

from gateway.attended import AttendedCalls
from gateway.directory.upstreams import OF_CLIENT, Upstreams
from gateway.exchange import Exchange
from gateway.protocol.capabilities import NONE
from gateway.protocol.eras import PROGRESS_TOKEN
from gateway.protocol.jsonrpc import Members, decode_members, encode
from gateway.protocol.methods import COMPLETE, NAMED_BY
from upstream.client import Asked
from upstream.eras import RESERVED_META, Era


def forward(exchange: Exchange, upstreams: Upstreams, attended: AttendedCalls, answers: Members | None = None) -> None:
    """Fill in `reply`; UpstreamFault when the server gave none.

    `answers`: what a server that asked has to be sent beside the same request (MCP 2026-07-28 basic/patterns/mrtr).
    """
    message, spoken, caller, snapshot = exchange.known
    target = exchange.route
    if target is None:
        raise RuntimeError("A call was forwarded that has no route.")
    upstream = upstreams.get(snapshot, caller.environment, target.server)
    params = dict(message.params)
    params.pop("_meta", None)
    if message.method == COMPLETE:
        params["ref"] = _refer(params["ref"], target.name)
    else:
        params[NAMED_BY[message.method]] = Raw(encode(target.name))
    if answers is not None:
        params |= answers
    passed = None
    if spoken.meta:
        passed = {key: raw for key, raw in spoken.meta.items() if not key.startswith(RESERVED_META)}
        if PROGRESS_TOKEN in passed:
            exchange.progress_token = encode(exchange.call_id)
            passed[PROGRESS_TOKEN] = Raw(exchange.progress_token)
    party = upstreams.party(target.server, exchange)
    asked = Asked(
        message.method,
        params,
        None if message.method == COMPLETE else target.name,
        passed,
        exchange.declared if spoken.era is Era.MODERN else party.capabilities,
        exchange.mirrored,
        party,
        exchange.log_level,
    )
    timeout = exchange.begin_upstream()
    try:
        # In a session of one client alone the server may ask beside the call as well as on it.
        if target.server.sessions == OF_CLIENT and exchange.mcp_session_id and party.capabilities != NONE:
            exchange.reply = attended.call(exchange, upstream, party, partial(upstream.ask, asked, timeout))
        else:
            exchange.reply = upstream.ask(asked, timeout)
    finally:
        exchange.note_upstream_time()


def _refer(raw: Raw, name: str) -> Raw:
    """The reference of a completion under the name by which the server knows the prompt; a URI stays."""
    reference = decode_members(raw)
    if "name" in reference:
        reference["name"] = Raw(encode(name))
    return Raw(encode(reference))
