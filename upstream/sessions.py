"""Opening a server: its era, and the session that a legacy one keeps.

Rule: a verdict comes only from an answer that proves it, has a date, and is asked for again after
an hour. However many calls wait, one of them opens; the others get its session or its fault.
"""

import contextlib
import threading
from dataclasses import dataclass

import msgspec

from common.clock import monotonic
from upstream.answers import content_type, fault_of_status, read_reply
from upstream.connection import time_left
from upstream.eras import LEGACY_VERSIONS, META_SERVER, MODERN_VERSION, Discovery, Era, judge_discovery
from upstream.faults import UpstreamFault
from upstream.requests import (
    Phrasebook,
    modern_lines,
    new_request_id,
    render_legacy,
    render_modern,
    render_notification,
    render_post,
)
from upstream.wire import Lane

VERDICT_SECONDS = 3600.0  # servers learn the newer era by an update, and nothing tells us
FAREWELL_SECONDS = 2.0  # ending a session is a courtesy: nobody waits long for it
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

    def can(self, capability: str) -> bool:
        """Whether the server claims this one of its capabilities."""
        try:
            return capability in msgspec.json.decode(self.capabilities, type=dict[str, msgspec.Raw])
        except msgspec.DecodeError:
            return False


@dataclass(frozen=True, slots=True)
class Session:
    """How to go on speaking to it: `head` begins each POST, `session_id` only some legacy servers give."""

    opened: Opened
    head: bytes
    session_id: str | None
    opened_at: float

    def is_stale(self) -> bool:
        return self.session_id is None and monotonic() - self.opened_at > VERDICT_SECONDS


class Sessions:
    def __init__(self, lane: Lane, phrasebook: Phrasebook):
        self._lane = lane
        self._phrasebook = phrasebook
        self._session: Session | None = None
        self._legacy_until = 0.0
        self._opening = threading.Lock()
        self._fault: UpstreamFault | None = None
        self._fault_at = 0.0

    def current(self, deadline: float) -> Session:
        """The session to use now, opened first where there is none; raises UpstreamFault."""
        session = self._session
        if session is not None and not session.is_stale():
            return session
        asked_at = monotonic()
        if not self._opening.acquire(timeout=time_left(deadline)):
            raise UpstreamFault("timeout", f"{self._lane.place.authority} did not open in time.")
        try:
            if self._session is not None and self._session is not session:
                return self._session
            if self._fault is not None and self._fault_at > asked_at:
                raise self._fault.again()
            self._session = None
            try:
                self._session = self._open(deadline)
            except UpstreamFault as fault:
                self._fault, self._fault_at = fault, monotonic()
                raise
            return self._session
        finally:
            self._opening.release()

    def forget(self, session: Session) -> None:
        """The server no longer knows it. Others may have opened another meanwhile: that one stays."""
        if self._session is session:
            self._session = None

    def end(self) -> None:
        """Tell a server that keeps sessions that ours is over; it may not care."""
        session, self._session = self._session, None
        if session is None or session.session_id is None:
            return
        deadline = monotonic() + FAREWELL_SECONDS
        with contextlib.suppress(UpstreamFault):
            self._lane.ask(self._phrasebook.delete(session.opened.protocol_version, session.session_id), deadline).read(
                deadline
            )

    def _open(self, deadline: float) -> Session:
        if monotonic() < self._legacy_until:
            try:
                return self._initialize(deadline)
            except UpstreamFault as fault:
                if fault.code not in ("not_mcp", "not_found"):
                    raise
                self._legacy_until = 0.0  # it answers, but not to this any more
        verdict = self._discover(deadline)
        if isinstance(verdict, Session):
            return verdict
        try:
            session = self._initialize(deadline)
        except UpstreamFault as fault:
            # A modern server in trouble does not know `initialize`: its trouble is what to tell.
            raise (verdict or fault) from None
        if verdict is None:
            self._legacy_until = monotonic() + VERDICT_SECONDS
        return session

    def _discover(self, deadline: float) -> Session | UpstreamFault | None:
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
            return Session(_read_discovered(answer), head, None, monotonic())
        return fault if discovery is Discovery.UNDECIDED else None

    def _initialize(self, deadline: float) -> Session:
        authority = self._lane.place.authority
        request_id = new_request_id()
        params = {
            "protocolVersion": msgspec.Raw(msgspec.json.encode(LEGACY_VERSIONS[0])),
            "capabilities": msgspec.Raw(b"{}"),  # none: what a client can do differs from call to call
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
        opened = _read_initialized(bytes(message["result"]), authority)
        head = self._phrasebook.post_head(opened.protocol_version, session_id)
        connection = self._lane.ask(render_post(head, render_notification("notifications/initialized")), deadline)
        status, headers = connection.status, connection.headers
        said = connection.read(deadline)
        if status >= 300:
            raise fault_of_status(status, headers, said, authority)
        return Session(opened, head, session_id, monotonic())


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
