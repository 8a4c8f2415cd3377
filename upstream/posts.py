"""Posts: what we say to a server that is no call of anybody's.

Rule: it goes out in the very session that it belongs to, whatever other one has been opened since.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TypeVarTuple

import msgspec

from common.clock import monotonic
from upstream.answers import content_type, read_reply
from upstream.connection import Connection
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.opened import Session
from upstream.requests import Message, Phrasebook, new_request_id, render_legacy, render_notification, render_post
from upstream.statuses import fault_of_status
from upstream.wire import Lane

POST_SECONDS = 10.0  # the server only has to take it
FAREWELL_SECONDS = 2.0  # a courtesy: nobody waits long for it

_Args = TypeVarTuple("_Args")


def beside(do: Callable[[*_Args], object], *args: *_Args) -> None:
    """Do it in a thread of its own, for somebody who has no time left; an UpstreamFault is nobody's concern then."""

    def run() -> None:
        with suppress(UpstreamFault):
            do(*args)

    threading.Thread(target=run, name="beside", daemon=True).start()


def request(
    lane: Lane, head: bytes, method: str, params: Mapping[str, msgspec.Raw], deadline: float
) -> tuple[Message, dict[bytes, bytes]]:
    """Ask a legacy server something of our own: its response, and the headers of that. Raises UpstreamFault."""
    request_id = new_request_id()
    connection = lane.ask(render_post(head, render_legacy(request_id, method, params, None)), deadline)
    headers = connection.headers
    return read_reply(connection, request_id, deadline).response(), headers


def post(lane: Lane, session: Session, body: bytes, deadline: float) -> None:
    """Raises UpstreamFault when the server does not take it."""
    connection = lane.ask(render_post(session.head, body), deadline)
    status, headers = connection.status, connection.headers
    said = connection.read(deadline)
    if status >= 300:
        raise fault_of_status(status, headers, said, connection.authority)


def give_up(lane: Lane, session: Session, request_id: str) -> None:
    """Tell a legacy server that nobody waits any more; to a modern one the closed connection says it."""
    if session.opened.era is Era.LEGACY:
        body = render_notification("notifications/cancelled", {"requestId": request_id})
        beside(post, lane, session, body, monotonic() + FAREWELL_SECONDS)


class StreamLine:
    """What a stream needs of its session: to answer there, to go on, and to be left when it is over."""

    __slots__ = ("_lane", "_phrasebook", "_request_id", "_session")

    def __init__(self, lane: Lane, phrasebook: Phrasebook, session: Session, request_id: str):
        self._lane = lane
        self._phrasebook = phrasebook
        self._session = session
        self._request_id = request_id
        session.streams.add(request_id)

    def post(self, body: bytes) -> None:
        post(self._lane, self._session, body, monotonic() + POST_SECONDS)

    @property
    def can_resume(self) -> bool:
        return self._session.opened.era is Era.LEGACY and self._session.session_id is not None

    def resume(self, last_id: bytes, deadline: float) -> Connection | None:
        session = self._session
        get = self._phrasebook.get(session.opened.protocol_version, session.session_id, last_id)
        connection = self._lane.ask(get, deadline)
        if connection.status == 200 and content_type(connection) == b"text/event-stream":
            return connection
        connection.close()  # whatever it says instead, it may be long
        return None

    def leave(self, *, is_answered: bool) -> None:
        self._session.streams.discard(self._request_id)
        if not is_answered:
            give_up(self._lane, self._session, self._request_id)
