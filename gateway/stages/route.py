"""Route: which server a call goes to, by table; no name is ever parsed.

Rule: what the table does not know is looked for once more in a fresh catalog before it is refused.
"""

from collections.abc import Sequence

import msgspec
from msgspec import MsgspecError, Raw

from gateway.catalog.catalogs import Catalogs
from gateway.catalog.merge import Route
from gateway.exchange import Exchange
from gateway.protocol.eras import require_text
from gateway.protocol.jsonrpc import Members, decode_members, decode_string
from gateway.protocol.methods import COMPLETE, NAMED_BY, Kind
from gateway.protocol.param_headers import mirror, require_param_headers
from gateway.protocol.refusals import INVALID_PARAMS, Refusal, bad_request, no_such_resource
from upstream.eras import Era

_KINDS: dict[str, tuple[Kind, ...]] = {
    "tools/call": (Kind.TOOLS,),
    "prompts/get": (Kind.PROMPTS,),
    "resources/read": (Kind.RESOURCES, Kind.TEMPLATES),
}
_REFERENCES: dict[str, tuple[str, tuple[Kind, ...]]] = {
    "ref/prompt": ("name", (Kind.PROMPTS,)),
    "ref/resource": ("uri", (Kind.TEMPLATES, Kind.RESOURCES)),
}
_WORDS = {Kind.TOOLS: "tool", Kind.PROMPTS: "prompt"}


def route(exchange: Exchange, catalogs: Catalogs) -> None:
    """Fill in the route, or refuse what nobody offers (-32602, as the protocol has it)."""
    message, _, _, snapshot = exchange.known
    if message.method == COMPLETE:
        reference = require_reference(message.params)
        member, kinds = _REFERENCES[decode_string(reference["type"])]
        found = _find(exchange, catalogs, kinds, require_text(reference, member))
    else:
        name = require_text(message.params, NAMED_BY[message.method])
        found = _find(exchange, catalogs, _KINDS[message.method], name)
    if exchange.snapshot is not snapshot and found.server not in exchange.known.snapshot.servers:  # closed meanwhile
        reason = "The server of this tool was disabled, changed or removed a moment ago."
        raise Refusal(200, INVALID_PARAMS, reason, decision="server_closed")
    exchange.route = found
    if found.param_headers:
        _read_mirrored(exchange, found)


def _read_mirrored(exchange: Exchange, target: Route) -> None:
    """Hold a modern client to the headers that the tool declares, and note what its server wants in them."""
    message, spoken, _, _ = exchange.known
    try:
        arguments = msgspec.json.decode(message.params.get("arguments", Raw(b"{}")))
    except (MsgspecError, RecursionError):
        raise bad_request('"params.arguments" must be an object.', INVALID_PARAMS) from None
    if spoken.era is Era.MODERN:
        require_param_headers(target.param_headers, arguments, exchange.environ["stoa.headers"])
    exchange.mirrored = mirror(target.param_headers, arguments)


def require_reference(params: Members) -> Members:
    """What a completion is about: a prompt by its name, or a resource by its URI or template."""
    try:
        reference = decode_members(params.get("ref", Raw(b"null")))
        known = decode_string(reference["type"]) in _REFERENCES
    except (KeyError, MsgspecError, RecursionError):
        known = False
    if not known:
        raise bad_request('"params.ref" must be a ref/prompt or a ref/resource.', INVALID_PARAMS)
    return decode_members(params["ref"])


def _find(exchange: Exchange, catalogs: Catalogs, kinds: Sequence[Kind], name: str) -> Route:
    _, spoken, caller, snapshot = exchange.known
    found, missing = catalogs.look_up(snapshot, caller.environment, kinds, name)
    if found is not None:
        return found
    suffix = f" Not answering at the moment: {', '.join(sorted(missing))}." if missing else ""
    word = _WORDS.get(kinds[0])
    if word is None:
        raise no_such_resource(name, suffix, spoken.era)
    reason = f"There is no {word} {name[:64]!r} in this workspace.{suffix}"
    raise Refusal(200, INVALID_PARAMS, reason, decision=f"unknown_{word}")
