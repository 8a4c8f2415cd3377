"""Opening a server: which era it speaks, and a session in the legacy one.

Rule: a verdict comes only from an answer that proves it; a refusal or a fault decides nothing.
Keeps nothing itself: `sessions.py` does.
"""

import math
import threading
from dataclasses import dataclass

import msgspec

from common.clock import monotonic
from upstream.answers import content_type, read_reply
from upstream.eras import LEGACY_VERSIONS, META_SERVER, MODERN_VERSION, Discovery, Era, judge_discovery
from upstream.faults import UpstreamFault
from upstream.levels import UNSET
from upstream.parties import NOBODY, Party
from upstream.requests import (
    Phrasebook,
    modern_lines,
    new_request_id,
    render_legacy,
    render_modern,
    render_notification,
    render_post,
)
from upstream.statuses import fault_of_status
from upstream.wire import Lane

VERDICT_SECONDS = 3600.0  # servers learn the newer era by an update, and nothing tells us
MAX_SESSION_ID = 1024
MAX_NAME = 200


@dataclass(frozen=True, slots=True)
class Opened:
    """What a server said of itself. `capabilities` is raw JSON; the texts are the server's own, untrusted."""

    era: Era
    protocol_version: str
    name: str = ""
    version: str = ""
    instructions: str | None = None
    capabilities: bytes = b"{}"

    def can(self, capability: str, feature: str = "") -> bool:
        """Whether the server claims this one of its capabilities, and that feature of it."""
        try:
            claimed = msgspec.json.decode(self.capabilities, type=dict[str, msgspec.Raw])
            if capability not in claimed or not feature:
                return capability in claimed
            return msgspec.json.decode(claimed[capability], type=dict[str, object]).get(feature) is True
        except msgspec.DecodeError:
            return False


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


class Opener:
    def __init__(self, lane: Lane, phrasebook: Phrasebook):
        self._lane = lane
        self._phrasebook = phrasebook

    def discover(self, deadline: float) -> Session | UpstreamFault | None:
        """A modern session; None for a legacy server; the fault of an answer that decides nothing."""
        head = self._phrasebook.post_head(MODERN_VERSION, None)
        request_id = new_request_id()
        body = render_modern(request_id, "server/discover", {}, None, self._phrasebook.client, None)
        connection = self._lane.ask(render_post(head, body, modern_lines("server/discover", {}, None)), deadline)
        status, headers = connection.status, connection.headers
        if status == 200 and content_type(connection) == b"text/event-stream":
            answer = msgspec.json.encode(read_reply(connection, request_id, deadline).response())
        else:
            answer = connection.read(deadline)
        fault = None if status == 200 else fault_of_status(status, headers, answer, self._lane.place.authority)
        if fault is not None and status in (401, 403, 429):
            raise fault
        discovery = judge_discovery(status, answer)
        if discovery is Discovery.MODERN:
            return Session(NOBODY, _read_discovered(answer), head, None)
        return fault if discovery is Discovery.UNDECIDED else None

    def initialize(self, party: Party, deadline: float) -> Session:
        """A legacy session that declares what this party can do."""
        authority = self._lane.place.authority
        request_id = new_request_id()
        params = {
            "protocolVersion": msgspec.Raw(msgspec.json.encode(LEGACY_VERSIONS[0])),
            "capabilities": msgspec.Raw(party.capabilities),
            "clientInfo": self._phrasebook.client,
        }
        post = render_post(
            self._phrasebook.post_head(None, None), render_legacy(request_id, "initialize", params, None)
        )
        connection = self._lane.ask(post, deadline)
        headers = connection.headers
        message = read_reply(connection, request_id, deadline).response()
        session_id = _read_session_id(headers, authority)
        if "error" in message:
            raise UpstreamFault("not_mcp", f"{authority} refused to open a session. Check that it is an MCP server.")
        session = self.resume(party, _read_initialized(bytes(message["result"]), authority), session_id)
        connection = self._lane.ask(
            render_post(session.head, render_notification("notifications/initialized")), deadline
        )
        status, headers = connection.status, connection.headers
        said = connection.read(deadline)
        if status >= 300:
            raise fault_of_status(status, headers, said, authority)
        return session

    def resume(self, party: Party, opened: Opened, session_id: str | None) -> Session:
        """A legacy session that is open already."""
        return Session(party, opened, self._phrasebook.post_head(opened.protocol_version, session_id), session_id)

    def set_level(self, session: Session, level: str, deadline: float) -> None:
        """MCP 2025-11-25 server/utilities/logging. Raises UpstreamFault; a refusal is none."""
        request_id = new_request_id()
        params = {"level": msgspec.Raw(msgspec.json.encode(level))}
        body = render_legacy(request_id, "logging/setLevel", params, None)
        read_reply(self._lane.ask(render_post(session.head, body), deadline), request_id, deadline).response()

    def leave(self, session: Session, deadline: float) -> None:
        """Tell a server that keeps sessions that this one is over; it may not care. Raises UpstreamFault."""
        if session.session_id is not None:
            farewell = self._phrasebook.delete(session.opened.protocol_version, session.session_id)
            self._lane.ask(farewell, deadline).read(deadline)


class _Implementation(msgspec.Struct):
    name: str = ""
    version: str = ""


class _Meta(msgspec.Struct):
    server: _Implementation | None = msgspec.field(default=None, name=META_SERVER)


class _Result(msgspec.Struct, rename="camel"):
    protocol_version: str = ""
    server_info: _Implementation | None = None
    instructions: str | None = None
    capabilities: msgspec.Raw = msgspec.Raw(b"{}")
    meta: _Meta | None = msgspec.field(default=None, name="_meta")


class _Answer(msgspec.Struct):
    result: _Result


def _read_discovered(answer: bytes) -> Opened:
    try:
        result = msgspec.json.decode(answer, type=_Answer).result
    except msgspec.DecodeError:  # modern by its error: it tells nothing of itself
        return Opened(Era.MODERN, MODERN_VERSION)
    return _opened(Era.MODERN, MODERN_VERSION, result, (result.meta.server if result.meta else None))


def _read_initialized(result_json: bytes, authority: str) -> Opened:
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
    capabilities = bytes(result.capabilities)
    return Opened(
        era=era,
        protocol_version=version,
        name=server.name[:MAX_NAME],
        version=server.version[:MAX_NAME],
        instructions=result.instructions,
        capabilities=capabilities if capabilities.startswith(b"{") else b"{}",
    )


def _read_session_id(headers: dict[bytes, bytes], authority: str) -> str | None:
    value = headers.get(b"mcp-session-id")
    if value is None:
        return None
    # MCP 2025-11-25 basic/transports §Session Management: visible ASCII, and nothing that ends a header.
    if not value or len(value) > MAX_SESSION_ID or not all(0x21 <= byte <= 0x7E for byte in value):
        raise UpstreamFault("not_mcp", f"{authority} gave a session id that is not allowed.")
    return value.decode("ascii")
