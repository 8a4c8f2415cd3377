"""Opened: what a server said of itself, and the session that came of it.

Rule: of what a server says only a little is kept, and that has bounds: there is one of these for each party, here and
in the store. Connects to nothing.
"""

import math
import threading
from dataclasses import dataclass

import msgspec

from common.clock import monotonic
from upstream.eras import LEGACY_VERSIONS, META_SERVER, MODERN_VERSION, Era
from upstream.faults import UpstreamFault
from upstream.levels import UNSET
from upstream.parties import Party

VERDICT_SECONDS = 3600.0  # servers learn the newer era by an update, and nothing tells us
MAX_NAME = 200

# All that is ever asked of its capabilities, and of their features.
_CLAIMS = {
    "logging": (),
    "prompts": ("listChanged",),
    "resources": ("listChanged", "subscribe"),
    "tools": ("listChanged",),
}


@dataclass(frozen=True, slots=True)
class Opened:
    """`claims`: each of its known capabilities, `tools`, and their features, `tools.listChanged`. The texts are the
    server's own, untrusted."""

    era: Era
    protocol_version: str
    claims: frozenset[str]
    name: str = ""
    version: str = ""

    def can(self, capability: str, feature: str = "") -> bool:
        """Whether the server claims this one of its capabilities, and that feature of it."""
        return (f"{capability}.{feature}" if feature else capability) in self.claims


class Session:
    """How to go on speaking to it: `head` begins each POST, `session_id` only some legacy servers give.

    `streams` are the ids of what is under way in it as a stream, `level` is how verbose it was set;
    `is_resumed`: another process has opened it.
    """

    __slots__ = ("head", "is_resumed", "level", "leveling", "opened", "party", "session_id", "stale_at", "streams")

    def __init__(self, party: Party, opened: Opened, head: bytes, session_id: str | None):
        self.party = party
        self.opened = opened
        self.head = head
        self.session_id = session_id
        # With an id the server says itself when it is over.
        self.stale_at = math.inf if session_id is not None else monotonic() + VERDICT_SECONDS
        self.is_resumed = False
        self.streams: set[str] = set()
        self.level = UNSET
        self.leveling = threading.Lock()


class _Implementation(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Meta(msgspec.Struct):
    server: _Implementation | None = msgspec.field(default=None, name=META_SERVER)


class _Result(msgspec.Struct, rename="camel"):
    protocol_version: str = ""
    server_info: _Implementation | None = None
    capabilities: msgspec.Raw = msgspec.Raw(b"{}")
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Answer(msgspec.Struct):
    result: _Result


def read_discovered(answer: bytes) -> Opened:
    """What an answer to `server/discover` says, which has proved the server modern."""
    try:
        result = msgspec.json.decode(answer, type=_Answer).result
    except msgspec.DecodeError:  # modern by its error: it tells nothing of itself
        return Opened(Era.MODERN, MODERN_VERSION, frozenset())
    return _opened(Era.MODERN, MODERN_VERSION, result, (result.meta.server if result.meta else None))


def read_initialized(result_json: bytes, authority: str) -> Opened:
    """What the result of `initialize` says; raises UpstreamFault."""
    try:
        result = msgspec.json.decode(result_json, type=_Result)
    except msgspec.DecodeError:
        raise UpstreamFault("invalid_json", f"{authority} opened with an answer that is not MCP.") from None
    if result.protocol_version not in LEGACY_VERSIONS:
        raise UpstreamFault(
            "not_mcp", f"{authority} speaks MCP revision {result.protocol_version[:20]!r}, which is not supported."
        )
    return _opened(Era.LEGACY, result.protocol_version, result, result.server_info)


def _opened(era: Era, version: str, result: _Result, server: _Implementation | None) -> Opened:
    server = server or _Implementation()
    claims = frozenset(_read_claims(result.capabilities))
    return Opened(era, version, claims, name=server.name[:MAX_NAME], version=server.version[:MAX_NAME])


def _read_claims(capabilities: msgspec.Raw) -> list[str]:
    claimed = _members(capabilities)
    claims = [capability for capability in _CLAIMS if capability in claimed]
    for capability in tuple(claims):
        members = _members(claimed[capability])
        claims += [f"{capability}.{each}" for each in _CLAIMS[capability] if bytes(members.get(each, b"")) == b"true"]
    return claims


def _members(raw: msgspec.Raw) -> dict[str, msgspec.Raw]:
    """None for what is no JSON object: who makes no sense claims nothing."""
    try:
        return msgspec.json.decode(raw, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        return {}
