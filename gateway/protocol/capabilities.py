"""What a client can be asked, as it declared it.

Rule: pure. Only what this gateway relays counts, in words that the protocol knows: sampling, elicitation and roots. So
there are a few dozen declarations and no more: each is a session of its own with a server. A server never asks a client
what that has not declared.
"""

from functools import lru_cache
from types import MappingProxyType

import msgspec
from msgspec import MsgspecError, Raw

from gateway.protocol.jsonrpc import Members, decode_members, decode_string

NONE = b"{}"
SAMPLE, ELICIT, LIST_ROOTS = "sampling/createMessage", "elicitation/create", "roots/list"

_MEMBERS = {SAMPLE: "sampling", ELICIT: "elicitation", LIST_ROOTS: "roots"}
# What each is divided into (MCP 2025-11-25 and 2026-07-28, client features).
_FEATURES = MappingProxyType({"sampling": ("tools", "context"), "elicitation": ("form", "url"), "roots": ()})
_LIST_CHANGED = "listChanged"
# The most that a client says of what it can do; a longer declaration counts as none.
MAX_DECLARED = 4096

_encode = msgspec.json.Encoder(order="sorted").encode


def relayable(declared: bytes, *, to_one: bool = False) -> bytes:
    """Of a client's capabilities (JSON) those that are passed on, always written the same way.

    `to_one`: the server's session is this client's alone, so that it can be told when the client's roots change.
    """
    if declared == NONE or len(declared) > MAX_DECLARED:
        return NONE
    return _relayable(declared, to_one)


@lru_cache(maxsize=1024)  # clients say the same with each request; full, it holds 4 MiB at most
def _relayable(declared: bytes, to_one: bool) -> bytes:
    try:
        members = decode_members(declared)
        kept = {
            member: _read_features(member, decode_members(members[member]), to_one)
            for member in _FEATURES
            if member in members and _is_object(members[member])
        }
    except (MsgspecError, RecursionError):
        return NONE
    return _encode({member: features for member, features in kept.items() if features is not None})


def _read_features(member: str, declared: Members, to_one: bool) -> dict[str, object] | None:
    """None where a client can be asked in ways that nobody here knows, and in no other."""
    features: dict[str, object] = {each: {} for each in _FEATURES[member] if _is_object(declared.get(each))}
    if member == "roots" and to_one and bytes(declared.get(_LIST_CHANGED, Raw(b""))) == b"true":
        features[_LIST_CHANGED] = True
    if member == "elicitation" and declared and not features:
        return None  # an empty declaration would mean forms
    return features


def _is_object(raw: Raw | None) -> bool:
    return raw is not None and bytes(raw)[:1] == b"{"


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
