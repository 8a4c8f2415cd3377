"""Opening a server: which era it speaks, and a session in the legacy one.

Rule: a verdict comes only from an answer that proves it; a refusal or a fault decides nothing.
Keeps nothing itself: `sessions.py` does.
"""

from collections.abc import Iterable
from contextlib import suppress

import msgspec

from common.clock import monotonic
from upstream.answers import content_type, read_reply
from upstream.eras import LEGACY_VERSIONS, MODERN_VERSION, Discovery, judge_discovery
from upstream.faults import UpstreamFault
from upstream.opened import Opened, Session, read_discovered, read_initialized
from upstream.parties import NOBODY, Party
from upstream.posts import FAREWELL_SECONDS, post, request
from upstream.requests import (
    Phrasebook,
    modern_lines,
    new_request_id,
    render_modern,
    render_notification,
    render_post,
)
from upstream.statuses import fault_of_status
from upstream.wire import Lane

MAX_SESSION_ID = 1024


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
            return Session(NOBODY, read_discovered(answer), head, None)
        return fault if discovery is Discovery.UNDECIDED else None

    def initialize(self, party: Party, deadline: float) -> Session:
        """A legacy session that declares what this party can do."""
        lane, authority = self._lane, self._lane.place.authority
        params = {
            "protocolVersion": msgspec.Raw(msgspec.json.encode(LEGACY_VERSIONS[0])),
            "capabilities": msgspec.Raw(party.capabilities),
            "clientInfo": self._phrasebook.client,
        }
        message, headers = request(lane, self._phrasebook.post_head(None, None), "initialize", params, deadline)
        session_id = _read_session_id(headers, authority)
        if "error" in message:
            raise UpstreamFault("not_mcp", f"{authority} refused to open a session. Check that it is an MCP server.")
        session = self.resume(party, read_initialized(bytes(message["result"]), authority), session_id)
        post(lane, session, render_notification("notifications/initialized"), deadline)
        return session

    def resume(self, party: Party, opened: Opened, session_id: str | None) -> Session:
        """A legacy session that is open already."""
        return Session(party, opened, self._phrasebook.post_head(opened.protocol_version, session_id), session_id)

    def set_level(self, session: Session, level: str, deadline: float) -> None:
        """MCP 2025-11-25 server/utilities/logging. Raises UpstreamFault; a refusal is none."""
        params = {"level": msgspec.Raw(msgspec.json.encode(level))}
        request(self._lane, session.head, "logging/setLevel", params, deadline)

    def leave(self, sessions: Iterable[Session]) -> None:
        """Tell a server that keeps sessions that these are over; it may not care. Two seconds at most for all."""
        deadline = monotonic() + FAREWELL_SECONDS
        with suppress(UpstreamFault):  # a server that does not take one farewell takes no other
            for session in sessions:
                if session.session_id is not None:
                    farewell = self._phrasebook.delete(session.opened.protocol_version, session.session_id)
                    self._lane.ask(farewell, deadline).read(deadline)


def _read_session_id(headers: dict[bytes, bytes], authority: str) -> str | None:
    value = headers.get(b"mcp-session-id")
    if value is None:
        return None
    # MCP 2025-11-25 basic/transports §Session Management: visible ASCII, and nothing that ends a header.
    if not value or len(value) > MAX_SESSION_ID or not all(0x21 <= byte <= 0x7E for byte in value):
        raise UpstreamFault("not_mcp", f"{authority} gave a session id that is not allowed.")
    return value.decode("ascii")
