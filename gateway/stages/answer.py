"""Answer: what the gateway answers by itself, from what it has in memory.

Rule: `server/discover` and `initialize` never wait for an upstream: they are the first thing that a client asks,
and a slow or failing answer to them makes clients give up.
"""

from msgspec import MsgspecError

from common import clock
from gateway.catalog.catalogs import Catalogs
from gateway.directory.snapshots import Snapshot
from gateway.exchange import Exchange
from gateway.identity import server_info
from gateway.protocol.eras import MODERN_VERSIONS, agreed_version
from gateway.protocol.jsonrpc import Message, decode_string, encode
from gateway.protocol.methods import LISTS, Kind
from gateway.protocol.refusals import INVALID_PARAMS, METHOD_NOT_FOUND, Refusal
from upstream.eras import META_SERVER, Era

# What changes is told on open streams; from which level on log messages are wanted is the handshake's business.
_CAPABILITIES = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "completions": {},
}
_LEGACY_CAPABILITIES = {**_CAPABILITIES, "logging": {}}
_DISCOVER_TTL_MS = 60_000


def answer_locally(exchange: Exchange, catalogs: Catalogs) -> bytes:
    """The result, as JSON; Refusal for a method that this era does not have."""
    message, spoken, _, snapshot = exchange.known
    match (spoken.era, message.method):
        case (_, method) if method in LISTS:
            return _list(exchange, LISTS[method], catalogs)
        case (Era.MODERN, "server/discover"):
            return _discover(snapshot)
        case (Era.LEGACY, "initialize"):
            return _initialize(message, snapshot)
        case (Era.LEGACY, "ping"):
            return b"{}"
        case (era, method):
            # The modern era puts "no such method" into the status too (MCP 2026-07-28 basic/transports).
            status = 404 if era is Era.MODERN else 200
            raise Refusal(
                status, METHOD_NOT_FOUND, f"This gateway has no method {method[:64]!r}.", decision="unknown_method"
            )


def _list(exchange: Exchange, kind: Kind, catalogs: Catalogs) -> bytes:
    message, spoken, caller, snapshot = exchange.known
    catalog = catalogs.get(snapshot, caller.environment, kind, fresh=True)
    merged = catalog.merged
    pages = merged.pages[spoken.era]
    number = _page_number(message, merged.fingerprint, len(pages))
    members = [b'{"%b":%b' % (kind.value.member.encode(), pages[number])]
    if number + 1 < len(pages):
        members.append(b'"nextCursor":"%b.%d"' % (merged.fingerprint.encode(), number + 1))
    if spoken.era is Era.MODERN:
        members.append(
            b'"resultType":"complete","ttlMs":%d,"cacheScope":"private","_meta":{"%b":%b}'
            % (catalog.ttl_ms(clock.monotonic()), META_SERVER.encode(), bytes(server_info(snapshot)))
        )
    return b",".join(members) + b"}"


def _page_number(message: Message, fingerprint: str, count: int) -> int:
    """Which page a cursor means. A cursor of a list that has changed since means none: the client begins anew."""
    if "cursor" not in message.params:
        return 0
    try:
        owner, _, number = decode_string(message.params["cursor"]).partition(".")
    except MsgspecError:
        owner, number = "", ""
    if owner == fingerprint and number.isascii() and number.isdigit() and len(number) < 6 and int(number) < count:
        return int(number)
    reason = "This cursor is not one of this list, or the list has changed since: begin anew."
    raise Refusal(200, INVALID_PARAMS, reason, decision="cursor")


def _discover(snapshot: Snapshot) -> bytes:
    return encode(
        {
            "supportedVersions": MODERN_VERSIONS,
            "capabilities": _CAPABILITIES,
            "instructions": _instructions(snapshot),
            "resultType": "complete",
            "ttlMs": _DISCOVER_TTL_MS,
            "cacheScope": "private",
            "_meta": {META_SERVER: server_info(snapshot)},
        }
    )


def _initialize(message: Message, snapshot: Snapshot) -> bytes:
    return encode(
        {
            "protocolVersion": agreed_version(message),
            "capabilities": _LEGACY_CAPABILITIES,
            "serverInfo": server_info(snapshot),
            "instructions": _instructions(snapshot),
        }
    )


def _instructions(snapshot: Snapshot) -> str:
    names = ", ".join(server.name for server in snapshot.servers)
    return f"Tools of the workspace {snapshot.name}" + (f", from: {names}." if names else ". It has no servers yet.")
