"""Answers of a server: messages, events, or the fault that came instead.

Rule: a message is passed on only when it is whole, valid UTF-8 JSON and answers our id. A 401, 403
or 429 is a fault whatever its body says; another error status is one unless its body answers us.
"""

from collections.abc import Iterator, Mapping
from time import sleep
from typing import Protocol

import msgspec

from upstream.connection import Connection, Deadline
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.requests import Message, render_response
from upstream.resuming import Resuming
from upstream.sse import EventReader, EventTooLarge
from upstream.statuses import fault_of_status

# A stream's last chunk often follows its last event in a packet of its own; waiting this long
# for it keeps the connection.
TAIL_SECONDS = 0.1
# Reading lines costs time that others lack: a stream has so many at once, and then so many a second.
FREE_LINES = 50_000
LINES_PER_SECOND = 50_000

_decode = msgspec.json.Decoder(Message).decode


class Line(Protocol):
    """What a stream needs of the session in which it runs."""

    def post(self, body: bytes) -> None:
        """Say something in that very session; raises UpstreamFault."""
        ...

    def leave(self, *, is_answered: bool) -> None:
        """The stream is over; without its answer the server may have to be told."""
        ...

    @property
    def can_resume(self) -> bool:
        """Whether a stream that has ended too early may go on."""
        ...

    def resume(self, last_id: bytes, deadline: float) -> Connection | None:
        """The stream from behind this event on; None when the server does not go on. Raises UpstreamFault."""
        ...


class Reply:
    """One answer: `message` when it came whole, else `events`, whose last one is the response.

    `era` is that of the session in which it was given.
    Close it in any case: a stream that was not read to its end is cut.
    """

    __slots__ = ("_line", "_stream", "era", "events", "message")

    def __init__(self, message: Message | None, stream: "_Stream | None" = None):
        self.message = message
        self.events = stream.messages() if stream is not None else None
        self.era = Era.LEGACY
        self._stream = stream
        self._line: Line | None = None

    def attach(self, line: Line) -> None:
        """Say in which session the stream runs: it answers there, and leaves it when it is closed."""
        self._line = line
        if self._stream is not None:
            self._stream.line = line

    def answer(self, request_id: msgspec.Raw, outcome: Mapping[str, msgspec.Raw]) -> None:
        """Answer what the server has asked on this stream: `outcome` is its `result` or its `error`.

        It goes out in the session in which it was asked. Raises UpstreamFault.
        """
        if self._line is None:
            raise RuntimeError("only on a stream can a server have asked")
        self._line.post(render_response(request_id, outcome))

    def extend(self, seconds: float) -> None:
        """The server waits for an answer of ours: its own may come until so many seconds from now, at least."""
        if self._stream is not None:
            self._stream.deadline.extend(seconds)

    def close(self) -> None:
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.close()
            if self._line is not None:
                self._line.leave(is_answered=stream.is_answered)

    def response(self) -> Message:
        """The response alone, for whoever does not care for what is said on the way."""
        try:
            message = self.message
            for event in self.events or ():
                message = event
        finally:
            self.close()
        if message is None:
            raise RuntimeError("an answer without a response is a fault before it gets here")
        return message


class _Stream:
    """The messages of an event stream as they arrive, up to and with the response, on whatever connections."""

    __slots__ = (
        "_connection",
        "_holds",
        "_is_closed",
        "_reader",
        "_request_id",
        "_resuming",
        "deadline",
        "is_answered",
        "line",
    )

    def __init__(self, connection: Connection, request_id: str, deadline: float):
        self._connection = connection
        self._holds = True  # the connection: between two of them it has none
        self._is_closed = False
        self._reader = EventReader(connection.limits.body_bytes)
        self._request_id = request_id
        self._resuming: Resuming | None = None
        self.deadline = Deadline(deadline)
        self.is_answered = False
        self.line: Line | None = None

    def messages(self) -> Iterator[Message]:
        authority = self._connection.authority
        while True:
            try:
                for message in read_events(self._connection, self.deadline, self._reader):
                    if "method" not in message:
                        require_response(message, self._request_id, authority)
                        self.is_answered = True
                    yield message
                    if self.is_answered:
                        return
            except UpstreamFault as fault:
                if fault.code != "cut" or not self._go_on():
                    raise
            else:
                if not self._go_on():
                    raise UpstreamFault("cut", f"{authority} ended its stream without the answer.", may_have_run=True)

    def _go_on(self) -> bool:
        """Whether the stream goes on, on another connection."""
        line, reader = self.line, self._reader
        if line is None or not line.can_resume or not reader.last_id or self._is_closed:
            return False
        self._resuming = self._resuming or Resuming(line.resume, self.deadline)
        self._holds = False
        self._connection.release()
        connection = self._resuming.go_on(reader.last_id, reader.retry_ms)
        if connection is None:
            return False
        self._connection, self._holds = connection, True
        if self._is_closed:  # from beside, while it was opened
            self._leave_connection()
            return False
        reader.begin()
        return True

    def close(self) -> None:
        self._is_closed = True
        if self._resuming is not None:
            self._resuming.stop()
        self._leave_connection()

    def _leave_connection(self) -> None:
        if not self._holds:
            return
        self._holds = False
        if self.is_answered:
            self._connection.finish(TAIL_SECONDS)
        else:
            self._connection.close()


def read_events(connection: Connection, deadline: Deadline, reader: EventReader | None = None) -> Iterator[Message]:
    """The messages of an event stream, until the server ends it; raises UpstreamFault.

    `reader`: one that has read what came before, on another connection.
    """
    authority = connection.authority
    reader = reader or EventReader(connection.limits.body_bytes)
    lines = 0
    for piece in connection.pieces(deadline):
        fresh = piece.count(b"\n") + piece.count(b"\r")
        lines += fresh
        if lines > FREE_LINES:
            sleep(fresh / LINES_PER_SECOND)
        try:
            events = reader.parse_piece(piece)
        except EventTooLarge:
            raise UpstreamFault(
                "too_large", f"{authority} sent an event that is too large.", may_have_run=True
            ) from None
        for event in events:
            if event.payload:  # without one it primes a reconnection, and says nothing
                yield parse_message(event.payload, authority)


def read_reply(connection: Connection, request_id: str, deadline: float) -> Reply:
    """What a request was answered with; raises UpstreamFault."""
    status, kind = connection.status, content_type(connection)
    if status == 200 and kind == b"text/event-stream":
        return Reply(None, _Stream(connection, request_id, deadline))
    authority, headers = connection.authority, connection.headers
    body = connection.read(deadline)
    if status == 200:
        return Reply(_read_body(body, kind, request_id, authority))
    if status not in (401, 403, 429):
        message = find_answer(body, request_id)
        if message is not None:
            return Reply(message)
    raise fault_of_status(status, headers, body, authority)


def content_type(connection: Connection) -> bytes:
    return connection.headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def _read_body(body: bytes, kind: bytes, request_id: str, authority: str) -> Message:
    if kind in (b"text/html", b"application/xhtml+xml"):
        raise UpstreamFault(
            "not_mcp",
            f"{authority} answered with a web page ({kind.decode()}) instead of MCP. "
            "Check the URL; it usually ends in /mcp.",
        )
    message = parse_message(body, authority)
    require_response(message, request_id, authority)
    return message


def parse_message(body: bytes, authority: str) -> Message:
    """One JSON object, its values raw; raises UpstreamFault `invalid_json`."""
    try:
        if not body.isascii():
            body.decode()  # the decoder does not look into raw values, and would pass broken UTF-8 on
        return _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise UpstreamFault(
            "invalid_json", f"{authority} sent an answer that is not valid JSON-RPC.", may_have_run=True
        ) from None


def require_response(message: Message, request_id: str, authority: str) -> None:
    """Raises `wrong_id` unless it answers our request, `invalid_json` unless it is an answer at all."""
    if ("result" in message) == ("error" in message):
        raise UpstreamFault("invalid_json", f"{authority} sent JSON that is not a JSON-RPC answer.", may_have_run=True)
    if not _is_id(message.get("id"), request_id):
        raise UpstreamFault(
            "wrong_id", f"{authority} sent an answer that belongs to another request.", may_have_run=True
        )


def _is_id(raw: msgspec.Raw | None, request_id: str) -> bool:
    if raw is None:
        return False
    written = bytes(raw)
    # The second form is for a server that writes our id with escapes.
    return written == b'"%b"' % request_id.encode() or msgspec.json.decode(written) == request_id


def find_answer(body: bytes, request_id: str) -> Message | None:
    """The JSON-RPC answer to our request that an error status may carry."""
    try:
        message = parse_message(body, "")
        require_response(message, request_id, "")
    except UpstreamFault:
        return None
    return message
