"""Upstream: one server, as one workspace's credentials speak to it.

Rule: a request is sent once. The only second sending is to a legacy server that answered 404 to our
session, which means that it did not look at the request. Keep an Upstream as long as its target
stays the same: it holds the connections, the session and the verdict on the era. Never share one
between workspaces.
"""

import contextlib
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import msgspec

from common.clock import monotonic
from upstream.address import Addresses
from upstream.answers import Reply, fault_of_status, find_answer, read_reply
from upstream.connection import Connection, time_left
from upstream.eras import REQUEST_CODES, UNSUPPORTED_VERSION, Era, error_code
from upstream.faults import UpstreamFault
from upstream.requests import (
    Message,
    Phrasebook,
    modern_lines,
    new_request_id,
    param_lines,
    render_legacy,
    render_modern,
    render_notification,
    render_post,
)
from upstream.sessions import FAREWELL_SECONDS, Opened, Session, Sessions
from upstream.target import Target
from upstream.wire import Pool

MAX_PAGES = 100
MAX_ITEMS = 10_000
MAX_LIST_BYTES = 8 * 1024 * 1024  # kept three times over, for each workspace and environment
PROBE_SECONDS = 10.0

# Which capability a server claims for each list, and the member of the result that holds the items.
LISTS = {
    "tools/list": ("tools", "tools"),
    "prompts/list": ("prompts", "prompts"),
    "resources/list": ("resources", "resources"),
    "resources/templates/list": ("resources", "resourceTemplates"),
}

_NULL = msgspec.Raw(b"null")


@dataclass(frozen=True, slots=True)
class Probe:
    """What the portal shows of a server. `tools` are JSON objects, byte for byte the server's."""

    era: Era
    protocol_version: str
    name: str
    version: str
    tools: list[bytes]


class Asked(NamedTuple):
    """One request as the caller of `Upstream.call` has put it."""

    method: str
    params: Mapping[str, msgspec.Raw]
    name: str | None = None
    meta: Message | None = None
    capabilities: bytes | None = None
    mirrored: Mapping[str, str] | None = None


class Upstream:
    """Safe for threads and greenlets; each method blocks at most for its time."""

    def __init__(self, target: Target, pool: Pool, client_name: str, client_version: str):
        """Raises UpstreamFault for a URL or a header that is not allowed; connects to nothing."""
        self._target = target
        self._lane = pool.lane(target)
        self._phrasebook = Phrasebook(target, self._lane.place, client_name, client_version)
        self._sessions = Sessions(self._lane, self._phrasebook)

    def open(self, timeout: float | None = None) -> Opened:
        """What the server says of itself, asked for at most once an hour."""
        return self._sessions.current(self._deadline(timeout)).opened

    def list_tools(self, timeout: float | None = None) -> list[bytes]:
        """All pages; each tool is a JSON object, byte for byte as the server wrote it."""
        return self.list_items("tools/list", timeout)

    def list_items(self, method: str, timeout: float | None = None) -> list[bytes]:
        """All pages of one of the LISTS; nothing where the server does not claim to have any."""
        deadline = self._deadline(timeout)
        capability, member = LISTS[method]
        if capability != "tools" and not self._sessions.current(deadline).opened.can(capability):
            return []
        items: list[bytes] = []
        seen: set[str] = set()
        params: Message = {}
        size = 0
        for _ in range(MAX_PAGES):
            response = self._call(Asked(method, params), deadline).response()
            page, cursor = self._read_page(response, member)
            items += page
            size += sum(map(len, page))
            if len(items) > MAX_ITEMS or size > MAX_LIST_BYTES:
                raise self._fault("too_large", f"lists more {capability} than can be taken in")
            if cursor is None:
                return items
            if cursor in seen:
                raise self._fault("not_mcp", f"lists its {capability} in a circle")
            seen.add(cursor)
            params = {"cursor": msgspec.Raw(msgspec.json.encode(cursor))}
        raise self._fault("too_large", f"lists its {capability} on more than {MAX_PAGES} pages")

    def call(
        self,
        method: str,
        params: Mapping[str, msgspec.Raw],
        *,
        name: str | None = None,
        meta: Message | None = None,
        capabilities: bytes | None = None,
        mirrored: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Reply:
        """Send one request under an id of our own; params leave byte for byte.

        `name` is what Mcp-Name carries (else taken from the params), `meta` goes out as `_meta`,
        `capabilities` is the caller's raw JSON object and `mirrored` what goes into headers beside the
        body, both for modern servers. Seconds for everything
        up to the last event. Raises UpstreamFault, also from the reply's events.
        """
        asked = Asked(method, params, name, meta, capabilities, mirrored)
        return self._call(asked, self._deadline(timeout))

    def send(self, body: bytes, timeout: float | None = None) -> None:
        """Post a notification, or the answer to a request of the server's, within the current session."""
        deadline = self._deadline(timeout)
        session = self._sessions.current(deadline)
        connection = self._lane.ask(render_post(session.head, body), deadline)
        status, headers = connection.status, connection.headers
        said = connection.read(deadline)
        if status >= 300:
            raise fault_of_status(status, headers, said, connection.authority)

    def close(self) -> None:
        """End the session, at most two seconds long, and close what is idle."""
        self._sessions.end()
        self._lane.close()

    def _deadline(self, timeout: float | None) -> float:
        return monotonic() + (self._target.timeout if timeout is None else timeout)

    def _call(self, asked: Asked, deadline: float) -> Reply:
        session = self._sessions.current(deadline)
        request_id = new_request_id()

        def ask() -> Connection:
            body, extra = self._render(session, request_id, asked)
            return self._lane.ask(render_post(session.head, body, extra), deadline)

        try:
            connection = ask()
            if connection.status == 404 and session.session_id is not None:
                answer = find_answer(connection.read(deadline), request_id)
                if answer is not None and ("result" in answer or error_code(answer) in REQUEST_CODES):
                    return Reply(answer)
                self._sessions.forget(session)
                session = self._sessions.current(deadline)
                connection = ask()
            reply = read_reply(connection, request_id, deadline, partial(self._give_up, session, request_id))
        except UpstreamFault as fault:
            if fault.code in ("not_mcp", "not_found"):
                self._sessions.forget(session)  # it may have become another server: the next call asks
            elif fault.code == "timeout":
                self._give_up(session, request_id)
            raise
        except BaseException:  # a greenlet killed because its caller has gone: the server is told as well
            self._give_up(session, request_id)
            raise
        reply.era = session.opened.era
        if reply.message is not None and error_code(reply.message) == UNSUPPORTED_VERSION:
            self._sessions.forget(session)
        return reply

    def _render(self, session: Session, request_id: str, asked: Asked) -> tuple[bytes, bytes]:
        """The body, and the header lines that are this request's alone."""
        method, params, name, meta, capabilities, mirrored = asked
        if session.opened.era is Era.LEGACY:
            return render_legacy(request_id, method, params, meta), b""
        body = render_modern(request_id, method, params, meta, self._phrasebook.client, capabilities)
        lines = modern_lines(method, params, name)
        return body, lines + param_lines(mirrored) if mirrored else lines

    def _give_up(self, session: Session, request_id: str) -> None:
        """Tell a legacy server that nobody waits any more; to a modern one the closed connection says it.

        In a thread of its own: whoever gives up has no time left.
        """
        if session.opened.era is not Era.LEGACY:
            return
        body = render_notification("notifications/cancelled", {"requestId": request_id})

        def tell() -> None:
            deadline = monotonic() + FAREWELL_SECONDS
            with contextlib.suppress(UpstreamFault):
                self._lane.ask(render_post(session.head, body), deadline).read(deadline)

        threading.Thread(target=tell, name="cancel", daemon=True).start()

    def _read_page(self, response: Message, member: str) -> tuple[list[bytes], str | None]:
        """The items of one page, and the cursor of the next."""
        if "error" in response:
            raise self._fault("not_mcp", f"refused to list its {member}")
        if len(bytes(response["result"])) > MAX_LIST_BYTES:  # before each of a million empty objects becomes one here
            raise self._fault("too_large", f"lists more {member} than can be taken in")
        try:
            result = msgspec.json.decode(response["result"], type=Message)
            items = [bytes(item) for item in msgspec.json.decode(result[member], type=list[msgspec.Raw])]
            cursor = msgspec.json.decode(result.get("nextCursor", _NULL), type=str | None)
        except (KeyError, msgspec.DecodeError, RecursionError):
            items, cursor = [b""], None
        if not all(item.startswith(b"{") for item in items):
            raise self._fault("invalid_json", f"sent a list of {member} that is not MCP")
        return items, cursor

    def _fault(self, code: str, what: str) -> UpstreamFault:
        return UpstreamFault(code, f"{self._lane.place.authority} {what}.")


def probe(
    target: Target,
    addresses: Addresses,
    *,
    client_name: str,
    client_version: str,
    tls: ssl.SSLContext | None = None,
) -> Probe:
    """Open a server, list its tools, leave; ten seconds at most. Raises UpstreamFault."""
    deadline = monotonic() + min(target.timeout, PROBE_SECONDS)
    upstream = Upstream(target, Pool(addresses, tls=tls), client_name, client_version)
    try:
        opened = upstream.open(time_left(deadline))
        tools = upstream.list_tools(time_left(deadline))
    finally:
        upstream.close()
    return Probe(opened.era, opened.protocol_version, opened.name, opened.version, tools)
