"""Watches: streams on which a server tells of changes, or asks.

Rule: silence is no fault, a peer that has vanished is one (TCP keepalive). A modern server is
listened to by `subscriptions/listen`; a legacy one by a GET in a session of the watch's own, so that
it takes no other's stream, or in the session of a party that is followed. What was not read is lost.
Streams have a lane of their own: however many are open, calls have theirs.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress

import msgspec

from common.clock import monotonic
from upstream.answers import content_type, read_events, read_reply
from upstream.connection import Connection, Deadline
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.opened import Opened, Session
from upstream.opening import Opener
from upstream.parties import NOBODY
from upstream.posts import POST_SECONDS, beside, post, request
from upstream.requests import (
    Message,
    Phrasebook,
    modern_lines,
    new_request_id,
    render_modern,
    render_post,
    render_response,
)
from upstream.statuses import fault_of_status
from upstream.wire import Lane

# A watch ends after a day and is opened again: nothing here lives for ever.
WATCH_SECONDS = 24 * 3600.0

_ACKNOWLEDGED = b'"notifications/subscriptions/acknowledged"'
_CANCELLED = b'"notifications/cancelled"'
_PING = b'"ping"'
_PONG = {"result": msgspec.Raw(b"{}")}


class Watch:
    def __init__(
        self,
        lane: Lane,
        session: Session,
        connection: Connection,
        events: Iterator[Message],
        *,
        request_id: str,
        leave: Callable[[list[Session]], None] | None = None,
    ):
        """`lane` is for what is said to the server meanwhile; `leave` ends a session that is the watch's own."""
        self._lane = lane
        self._session = session
        self._connection = connection
        self._events = events
        self._request_id = request_id
        self._leave = leave
        self._is_closed = False
        self._is_read = False
        session.streams.add(request_id)

    def messages(self) -> Iterator[Message]:
        """Notifications and requests as they come, until the server ends the stream or it is closed.

        Raises UpstreamFault when it was cut.
        """
        is_modern = self._session.opened.era is Era.MODERN
        self._is_read = True
        try:
            for message in self._events:
                method = bytes(message.get("method", b""))
                if is_modern and method in (b"", _CANCELLED):  # its result, or the word that it is being ended
                    return
                if method == _PING and "id" in message:
                    with suppress(UpstreamFault):  # the stream itself tells whether the server is still there
                        self.answer(message["id"], _PONG)
                elif method:
                    yield message
        except UpstreamFault:
            if not self._is_closed:
                raise
        finally:
            self._connection.close()

    def answer(self, request_id: msgspec.Raw, outcome: Mapping[str, msgspec.Raw]) -> None:
        """Answer what the server has asked: `outcome` is its `result` or its `error`. Raises UpstreamFault."""
        post(self._lane, self._session, render_response(request_id, outcome), monotonic() + POST_SECONDS)

    def close(self) -> None:
        """Whoever reads it is at the end then. Takes as long as the farewell to the server: two seconds at most."""
        if self._is_closed:
            return
        self._is_closed = True
        self._session.streams.discard(self._request_id)
        if self._is_read:
            self._connection.abort()
        else:
            self._connection.close()
        if self._leave is not None:
            self._leave([self._session])


class Watcher:
    """Opens the watches of one server; each method raises UpstreamFault, `no_stream` where there is none to open
    and `stream_taken` where the session has one."""

    def __init__(self, lane: Lane, streams: Lane, phrasebook: Phrasebook, opener: Opener):
        self._lane = lane
        self._streams = streams
        self._authority = lane.place.authority
        self._phrasebook = phrasebook
        self._opener = opener

    def listen(self, session: Session, uris: frozenset[str], deadline: float) -> Watch:
        """At a modern server; returns when it has acknowledged (MCP 2026-07-28 basic/patterns/subscriptions)."""
        self._require_news(session.opened, uris)
        wanted: dict[str, object] = {f"{kind}ListChanged": True for kind in ("tools", "prompts", "resources")}
        if uris:
            wanted["resourceSubscriptions"] = sorted(uris)
        request_id = new_request_id()
        params = {"notifications": msgspec.Raw(msgspec.json.encode(wanted))}
        body = render_modern(request_id, "subscriptions/listen", params, None, self._phrasebook.client, None)
        lines = modern_lines("subscriptions/listen", params, None)
        connection = self._streams.ask(render_post(session.head, body, lines), deadline)
        if connection.status != 200 or content_type(connection) != b"text/event-stream":
            with suppress(UpstreamFault):
                read_reply(connection, request_id, deadline)
            raise self._no_stream()
        reading = Deadline(deadline)
        events = read_events(connection, reading)
        try:
            self._require_acknowledgement(events)
            connection.keep_alive()
        except BaseException:  # also a greenlet that is killed here: nobody else would close it
            connection.close()
            raise
        reading.extend(WATCH_SECONDS)
        return Watch(self._lane, session, connection, events, request_id=request_id)

    def stand_by(self, uris: frozenset[str], deadline: float) -> Watch:
        """At a legacy server, in a session of its own that declares nothing."""
        session = self._opener.initialize(NOBODY, deadline)
        try:
            self._require_news(session.opened, uris)
            watch = self.follow(session, deadline, self._opener.leave)
        except BaseException:  # as above, and beside: who comes here may have no time left
            beside(self._opener.leave, [session])
            raise
        try:
            for uri in uris if session.opened.can("resources", "subscribe") else ():
                params = {"uri": msgspec.Raw(msgspec.json.encode(uri))}
                request(self._lane, session.head, "resources/subscribe", params, deadline)  # a refusal is no fault
        except BaseException:  # as above
            beside(watch.close)
            raise
        return watch

    def follow(self, session: Session, deadline: float, leave: Callable[[list[Session]], None] | None = None) -> Watch:
        """At a legacy server, in this session; `not_found` when the server no longer knows it.

        MCP 2025-11-25 basic/transports §Listening for Messages from the Server.
        """
        opened = session.opened
        connection = self._streams.ask(self._phrasebook.get(opened.protocol_version, session.session_id), deadline)
        status, headers = connection.status, connection.headers
        if status == 200 and content_type(connection) == b"text/event-stream":
            connection.keep_alive()
            events = read_events(connection, Deadline(monotonic() + WATCH_SECONDS))
            return Watch(self._lane, session, connection, events, request_id=new_request_id(), leave=leave)
        if status == 200:
            connection.close()  # whatever it is, it may be long
            raise self._no_stream()
        said = connection.read(deadline)
        if status == 409:
            raise UpstreamFault("stream_taken", f"{self._authority} is listened to in this session already.")
        fault = fault_of_status(status, headers, said, self._authority)
        is_forgotten = status == 404 and session.session_id is not None
        raise fault if status in (401, 403, 429) or status >= 500 or is_forgotten else self._no_stream()

    def _require_acknowledgement(self, events: Iterator[Message]) -> None:
        """What the server agrees to tell of may be less than was wanted: nobody could do anything about that."""
        for message in events:
            if "method" not in message:
                break
            if bytes(message["method"]) == _ACKNOWLEDGED:
                return
        raise self._no_stream()

    def _require_news(self, opened: Opened, uris: frozenset[str]) -> None:
        """A server that claims to tell of nothing that is wanted is not kept listening to."""
        tells_of_lists = any(opened.can(kind, "listChanged") for kind in ("tools", "prompts", "resources"))
        if not tells_of_lists and not (uris and opened.can("resources", "subscribe")):
            raise self._no_stream()

    def _no_stream(self) -> UpstreamFault:
        return UpstreamFault("no_stream", f"{self._authority} does not tell of changes.")
