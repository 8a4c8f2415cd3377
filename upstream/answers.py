"""Answers of a server: messages, events, or the fault that came instead.

Rule: a message is passed on only when it is whole, valid UTF-8 JSON and answers our id. A 401, 403
or 429 is a fault whatever its body says; another error status is one unless its body answers us.
"""

import email.utils
from collections.abc import Callable, Iterator
from time import sleep

import msgspec

from common.clock import now
from upstream.connection import Connection
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.requests import Message
from upstream.sse import EventReader, EventTooLarge

MAX_RETRY_AFTER = 3600  # seconds; nobody waits longer for a call
# A stream's last chunk often follows its last event in a packet of its own; waiting this long
# for it keeps the connection.
TAIL_SECONDS = 0.1
MAX_WORDS = 200
# Reading lines costs time that others lack: a stream has so many at once, and then so many a second.
FREE_LINES = 50_000
LINES_PER_SECOND = 50_000

_decode = msgspec.json.Decoder(Message).decode


class Reply:
    """One answer: `message` when it came whole, else `events`, whose last one is the response.

    `era` is that of the session in which it was given.
    Close it in any case: a stream that was not read to its end is cut.
    """

    __slots__ = ("_close", "era", "events", "message")

    def __init__(
        self, message: Message | None, events: Iterator[Message] | None = None, close: Callable[[], None] | None = None
    ):
        self.message = message
        self.events = events
        self.era = Era.LEGACY
        self._close = close

    def close(self) -> None:
        if self._close is not None:
            close, self._close = self._close, None
            close()

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
    """The messages of an event stream as they arrive, up to and with the response."""

    def __init__(self, connection: Connection, request_id: str, deadline: float, on_abandon: Callable[[], None]):
        self._connection = connection
        self._request_id = request_id
        self._deadline = deadline
        self._on_abandon = on_abandon
        self._is_answered = False

    def messages(self) -> Iterator[Message]:
        authority = self._connection.authority
        reader = EventReader(self._connection.limits.body_bytes)
        lines = 0
        for piece in self._connection.pieces(self._deadline):
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
                if not event.payload:  # primes a reconnection, says nothing
                    continue
                message = parse_message(event.payload, authority)
                if "method" not in message:
                    require_response(message, self._request_id, authority)
                    self._is_answered = True
                yield message
                if self._is_answered:
                    return
        raise UpstreamFault("cut", f"{authority} ended its stream without the answer.", may_have_run=True)

    def close(self) -> None:
        if self._is_answered:
            self._connection.finish(TAIL_SECONDS)
            return
        self._connection.close()
        self._on_abandon()


def read_reply(
    connection: Connection, request_id: str, deadline: float, on_abandon: Callable[[], None] = lambda: None
) -> Reply:
    """What a request was answered with; raises UpstreamFault.

    `on_abandon` runs when a stream is closed before its response.
    """
    status, kind = connection.status, content_type(connection)
    if status == 200 and kind == b"text/event-stream":
        stream = _Stream(connection, request_id, deadline, on_abandon)
        return Reply(None, stream.messages(), stream.close)
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
        raise UpstreamFault("wrong_id", f"{authority} answered another request than ours.", may_have_run=True)


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


def fault_of_status(status: int, headers: dict[bytes, bytes], body: bytes, authority: str) -> UpstreamFault:
    """The fault that a status other than 200 means, told with the server's own words where it gave some."""
    words = _words_of(body)
    if status in (401, 403):
        return UpstreamFault(
            "unauthorized",
            f"{authority} refused the credentials ({status}). Check the token or headers set for this server.{words}",
        )
    if status == 404:
        return UpstreamFault(
            "not_found", f"{authority} has nothing at this path (404). Check the URL; it usually ends in /mcp.{words}"
        )
    if status == 429:
        wait = read_retry_after(headers)
        when = f"in {wait} s" if wait else "later"
        return UpstreamFault(
            "rate_limited", f"{authority} has had too many requests (429). Try again {when}.{words}", retry_after=wait
        )
    if 300 <= status < 400:
        return UpstreamFault(
            "not_mcp", f"{authority} sends the request elsewhere ({status}). Set the final address as the URL."
        )
    if status >= 500:
        return UpstreamFault(
            "server_error",
            f"{authority} failed ({status}). Try again later, or ask whoever runs it.{words}",
            may_have_run=True,
            retry_after=read_retry_after(headers),
        )
    if status < 300:
        return UpstreamFault(
            "not_mcp", f"{authority} took the request but gave no answer ({status}).", may_have_run=True
        )
    return UpstreamFault(
        "not_mcp",
        f"{authority} does not take MCP requests at this path ({status}). "
        f"Check the URL; it usually ends in /mcp.{words}",
    )


def read_retry_after(headers: dict[bytes, bytes]) -> int | None:
    """Seconds (RFC 9110 §10.2.3: a number of them, or a date)."""
    value = headers.get(b"retry-after", b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(value)
        return min(max(0, round((moment - now()).total_seconds())), MAX_RETRY_AFTER)
    except (TypeError, ValueError):  # no date, or one without a zone
        return None


class _Error(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


def _words_of(body: bytes) -> str:
    """The message of a JSON-RPC error, made safe to quote."""
    try:
        said = msgspec.json.decode(body, type=_ErrorBody).error.message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    plain = " ".join("".join(c if c.isprintable() else " " for c in said[: MAX_WORDS * 2]).split())[:MAX_WORDS]
    return f" It said: {plain}" if plain else ""
