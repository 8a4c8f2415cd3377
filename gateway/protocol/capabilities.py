"""What a client can be asked, as it declared it.

Rule: pure. Only what this gateway relays counts: sampling, elicitation and roots. A server is told exactly what the
client at the other end can answer, and never asks a client what that has not declared.
"""

from functools import lru_cache

import msgspec
from msgspec import MsgspecError, Raw

from gateway.protocol.jsonrpc import Members, decode_members, decode_string

NONE = b"{}"
SAMPLE, ELICIT, LIST_ROOTS = "sampling/createMessage", "elicitation/create", "roots/list"

_MEMBERS = {SAMPLE: "sampling", ELICIT: "elicitation", LIST_ROOTS: "roots"}
# The most that a client says of what it can do; a longer declaration counts as none.
MAX_DECLARED = 4096

_encode = msgspec.json.Encoder(order="sorted").encode


@lru_cache(maxsize=1024)  # clients say the same with each request
def relayable(declared: bytes, *, to_one: bool = False) -> bytes:
    """Of a client's capabilities (JSON) those that are passed on, always written the same way.

    `to_one`: the server's session is this client's alone, so that it can be told when the client's roots change.
    """
    try:
        members = decode_members(declared) if len(declared) <= MAX_DECLARED else {}
        kept = {member: msgspec.json.decode(members[member]) for member in _MEMBERS.values() if member in members}
    except (MsgspecError, RecursionError):
        return NONE
    kept = {member: value for member, value in kept.items() if isinstance(value, dict)}
    if "roots" in kept and not to_one:
        kept["roots"] = {}
    return _encode(kept)


def can_answer(declared: bytes, method: str, params: Members) -> bool:
    """Whether a client of these capabilities may be asked this (MCP 2025-11-25 and 2026-07-28, client features)."""
    member = _MEMBERS.get(method)
    if member is None:
        return False
    capabilities = decode_members(relayable(declared))
    if member not in capabilities:
        return False
    if method != ELICIT:
        return True
    modes = decode_members(capabilities[member])
    if _mode_of(params) == "url":
        return "url" in modes
    return "form" in modes or not modes  # an empty declaration means forms


def _mode_of(params: Members) -> str:
    try:
        return decode_string(params.get("mode", Raw(b'"form"')))
    except MsgspecError:
        return ""
