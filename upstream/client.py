"""Upstream: one server, as one workspace's credentials speak to it.

Rule: a request is sent again only to a legacy server that answered 404 to our session, which means that it did not
look at the request, and MAX_FORGOTTEN times at most. Keep an Upstream as long as its target stays the same: it holds
the connections, the sessions and the verdict on the era. Never share one between workspaces.
"""

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import msgspec

from common.clock import monotonic
from upstream.address import Addresses
from upstream.answers import Reply, find_answer, read_reply
from upstream.breaker import Breaker
from upstream.connection import Connection, time_left
from upstream.eras import META_LOG_LEVEL, REQUEST_CODES, UNSUPPORTED_VERSION, Era, error_code
from upstream.faults import UpstreamFault
from upstream.levels import rank_of
from upstream.lists import LISTS, Items, read_pages
from upstream.opened import VERDICT_SECONDS, Opened, Session
from upstream.opening import Opener
from upstream.parties import NOBODY, Party, SessionStore
from upstream.posts import POST_SECONDS, StreamLine, give_up, post
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
from upstream.sessions import Sessions
from upstream.target import Target
from upstream.watches import Watch, Watcher
from upstream.wire import Pool

# Of a server that has forgotten all its sessions, another process may have stored one that is forgotten too.
MAX_FORGOTTEN = 3
PROBE_SECONDS = 10.0
WATCH_OPEN_SECONDS = 10.0  # nobody waits for a watch; the server gets the time of a slow one


@dataclass(frozen=True, slots=True)
class Probe:
    """What the portal shows of a server. `tools` are JSON objects, byte for byte the server's."""

    era: Era
    protocol_version: str
    name: str
    version: str
    tools: list[bytes]


class Asked(NamedTuple):
    """One request; `Upstream.call` says what each member is."""

    method: str
    params: Mapping[str, msgspec.Raw]
    name: str | None = None
    meta: Message | None = None
    capabilities: bytes | None = None
    mirrored: Mapping[str, str] | None = None
    party: Party = NOBODY
    log_level: str = ""


class Upstream:
    """Safe for threads and greenlets; each method blocks at most for its time."""

    def __init__(
        self,
        target: Target,
        pool: Pool,
        client_name: str,
        client_version: str,
        *,
        store: SessionStore | None = None,
    ):
        """Raises UpstreamFault for a URL or a header that is not allowed; connects to nothing."""
        self._target = target
        self._lane = pool.lane(target)
        self._streams = pool.lane(target)
        self._authority = self._lane.place.authority
        self._phrasebook = Phrasebook(target, self._lane.place, client_name, client_version)
        opener = Opener(self._lane, self._phrasebook)
        self._sessions = Sessions(opener, self._authority, store)
        self._watcher = Watcher(self._lane, self._streams, self._phrasebook, opener)
        self._breaker = Breaker(self._authority)

    def open(self, timeout: float | None = None) -> Opened:
        """What the server says of itself, asked for at most once an hour."""
        return self._sessions.current(NOBODY, self._deadline(timeout)).opened

    def list_tools(self, timeout: float | None = None) -> list[bytes]:
        """All pages; each tool is a JSON object, byte for byte as the server wrote it."""
        return self.list_items("tools/list", timeout).items

    def list_items(self, method: str, timeout: float | None = None) -> Items:
        """All pages of one of the LISTS; nothing where the server does not claim to have any.

        Raises UpstreamFault.
        """
        deadline = self._deadline(timeout)
        capability, _ = LISTS[method]
        if capability != "tools":
            with self._breaker:
                opened = self._sessions.current(NOBODY, deadline).opened
            if not opened.can(capability):
                return Items([], int(VERDICT_SECONDS * 1000) if opened.era is Era.MODERN else 0)
        return read_pages(method, lambda params: self._call(Asked(method, params), deadline), self._authority)

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
        party: Party = NOBODY,
        log_level: str = "",
    ) -> Reply:
        """Send one request under an id of our own; params leave byte for byte.

        `name` is what Mcp-Name carries (else taken from the params), `meta` goes out as `_meta`,
        `capabilities` is the caller's raw JSON object and `mirrored` what goes into headers beside the
        body, both for modern servers; in which session of a legacy one it goes says `party`. `log_level`
        is how much the caller wants to hear. Seconds for everything
        up to the last event. Raises UpstreamFault, also from the reply's events.
        """
        return self.ask(Asked(method, params, name, meta, capabilities, mirrored, party, log_level), timeout)

    def ask(self, asked: Asked, timeout: float | None = None) -> Reply:
        """As `call`, by whoever has put the request together."""
        return self._call(asked, self._deadline(timeout))

    def notify(self, party: Party, method: str, params: Mapping[str, object] | None = None) -> None:
        """Tell a legacy server something in this party's session; nothing where none is open. Raises UpstreamFault."""
        session = self._sessions.find(party)
        if session is not None and session.opened.era is Era.LEGACY:
            post(self._lane, session, render_notification(method, params), monotonic() + POST_SECONDS)

    def watch(self, uris: frozenset[str] = frozenset(), timeout: float = WATCH_OPEN_SECONDS) -> Watch:
        """Hear of changes of the server's lists and of these resources; returns when the server listens to us.

        Raises UpstreamFault: `no_stream` where the server tells of nothing.
        """
        deadline = monotonic() + timeout
        session = self._sessions.current(NOBODY, deadline)
        if session.opened.era is Era.MODERN:
            return self._watcher.listen(session, uris, deadline)
        return self._watcher.stand_by(uris, deadline)

    def follow(self, party: Party, timeout: float = WATCH_OPEN_SECONDS) -> Watch:
        """Hear what a legacy server says in this party's session, opened where there is none. As `watch` raises."""
        deadline = monotonic() + timeout
        session = self._sessions.current(party, deadline)
        if session.opened.era is Era.MODERN:
            raise UpstreamFault("no_stream", f"{self._authority} keeps no sessions.")
        try:
            return self._watcher.follow(session, deadline)
        except UpstreamFault as fault:
            if fault.code != "not_found":
                raise
        self._sessions.forget(session)
        return self._watcher.follow(self._sessions.current(party, deadline), deadline)

    def end_principal(self, principal: str) -> None:
        """End the sessions that are kept for this principal here, whatever its capabilities; two seconds each at most.

        Wherever they were opened: other processes do not go on with them.
        """
        for party in self._sessions.parties():
            if party.principal == principal:
                self._sessions.end(party)

    def is_held(self) -> bool:
        """Whether a stream or a watch is open in one of its sessions: then it is not the time to close it."""
        return self._sessions.is_held()

    def sweep(self, horizon: float) -> None:
        """End the sessions that no call has used since (monotonic seconds). Call it every few seconds."""
        self._sessions.sweep(horizon)

    def close(self) -> None:
        """End the sessions that no other process uses, at most two seconds long, and close what is idle."""
        self._sessions.close()
        self._lane.close()
        self._streams.close()

    def _deadline(self, timeout: float | None) -> float:
        return monotonic() + (self._target.timeout if timeout is None else timeout)

    def _call(self, asked: Asked, deadline: float) -> Reply:
        sessions = self._sessions
        with self._breaker:
            session = self._session(asked, deadline) if asked.log_level else sessions.current(asked.party, deadline)
            request_id = new_request_id()
            try:
                connection = self._send(session, request_id, asked, deadline)
                tries = MAX_FORGOTTEN
                while connection.status == 404 and session.session_id is not None and tries:
                    answer = find_answer(connection.read(deadline), request_id)
                    if answer is not None and ("result" in answer or error_code(answer) in REQUEST_CODES):
                        return Reply(answer)
                    self._sessions.forget(session)
                    session = self._session(asked, deadline)
                    connection = self._send(session, request_id, asked, deadline)
                    # A server that forgets even what it has just opened will go on to do so.
                    tries = tries - 1 if session.is_resumed else 0
                reply = read_reply(connection, request_id, deadline)
            except UpstreamFault as fault:
                if fault.code in ("not_mcp", "not_found"):
                    self._sessions.forget(session)  # it may have become another server: the next call asks
                elif fault.code == "timeout":
                    give_up(self._lane, session, request_id)
                raise
            except BaseException:  # a greenlet killed because its caller has gone: the server is told as well
                give_up(self._lane, session, request_id)
                raise
        reply.era = session.opened.era
        if reply.message is None:
            reply.attach(StreamLine(self._lane, self._phrasebook, session, request_id))
        elif error_code(reply.message) == UNSUPPORTED_VERSION:
            self._sessions.forget(session)
        return reply

    def _session(self, asked: Asked, deadline: float) -> Session:
        """The session for this request, in which the server is as talkative as its caller wants."""
        session = self._sessions.current(asked.party, deadline)
        if asked.log_level and session.opened.era is Era.LEGACY and rank_of(asked.log_level) < session.level:
            self._sessions.raise_level(session, asked.log_level, deadline)
        return session

    def _send(self, session: Session, request_id: str, asked: Asked, deadline: float) -> Connection:
        body, extra = self._render(session, request_id, asked)
        return self._lane.ask(render_post(session.head, body, extra), deadline)

    def _render(self, session: Session, request_id: str, asked: Asked) -> tuple[bytes, bytes]:
        """The body, and the header lines that are this request's alone."""
        method, params, name, meta, capabilities, mirrored, _, log_level = asked
        if session.opened.era is Era.LEGACY:
            return render_legacy(request_id, method, params, meta), b""
        if log_level:
            meta = {**(meta or {}), META_LOG_LEVEL: msgspec.Raw(msgspec.json.encode(log_level))}
        body = render_modern(request_id, method, params, meta, self._phrasebook.client, capabilities)
        lines = modern_lines(method, params, name)
        return body, lines + param_lines(mirrored) if mirrored else lines


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
