"""Server-sent events, read from pieces and written.

Rule: pure; any split of the bytes gives the same events (WHATWG HTML §9.2: LF, CR, CRLF, a byte
order mark, comments). An event may not outgrow its limit. Does not look into the payload.
"""

from typing import NamedTuple

_MOST_DIGITS = 9  # of a number of milliseconds: eleven days


class Event(NamedTuple):
    payload: bytes
    name: bytes = b""
    event_id: bytes | None = None


class EventTooLarge(ValueError):
    pass


class EventReader:
    """`last_id` and `retry_ms` are what a stream has said so far to whoever has to go on with it."""

    __slots__ = ("_fields", "_has_begun", "_lines", "_max_bytes", "_rest", "_size", "_skips_lf", "last_id", "retry_ms")

    def __init__(self, max_bytes: int):
        self._max_bytes = max_bytes
        self.last_id = b""
        self.retry_ms: int | None = None
        self.begin()

    def begin(self) -> None:
        """Read another stream, which goes on with the one before; what that left unfinished is dropped."""
        self._rest = bytearray()  # an unfinished line
        self._lines: list[bytes] = []  # data lines of an unfinished event
        self._fields: dict[bytes, bytes] = {}
        self._size = 0
        self._has_begun = False
        self._skips_lf = False  # the last piece ended with CR: an LF now belongs to it

    def parse_piece(self, piece: bytes) -> list[Event]:
        """The events that this piece completes; raises EventTooLarge."""
        if self._skips_lf and piece:
            piece = piece.removeprefix(b"\n")
        self._skips_lf = piece.endswith(b"\r")
        events: list[Event] = []
        end = max(piece.rfind(b"\n"), piece.rfind(b"\r")) + 1
        if end:
            block = bytes(self._rest) + piece[:end]
            self._rest = bytearray(piece[end:])
            if not self._has_begun:
                self._has_begun = True
                block = block.removeprefix(b"\xef\xbb\xbf")
            for line in block.splitlines():
                if line:
                    self._take_line(line)
                elif (event := self._end_event()) is not None:
                    events.append(event)
        else:
            self._rest += piece
        if self._size + len(self._rest) > self._max_bytes:
            raise EventTooLarge
        return events

    def _take_line(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._lines.append(value)
            self._size += len(line)
            if self._size > self._max_bytes:
                raise EventTooLarge
        elif name in (b"event", b"id"):
            self._fields[name] = value
        elif name == b"retry" and value.isdigit():
            self.retry_ms = int(value[:_MOST_DIGITS])

    def _end_event(self) -> Event | None:
        lines, fields = self._lines, self._fields
        self._lines, self._fields, self._size = [], {}, 0
        if b"id" in fields:
            self.last_id = fields[b"id"]  # also of an event without data, which is none otherwise
        return Event(b"\n".join(lines), fields.get(b"event", b""), fields.get(b"id")) if lines else None


def render_event(payload: bytes, name: bytes = b"", event_id: bytes | None = None) -> bytes:
    """The inverse of `parse_piece`; each line break of the payload is read back as LF."""
    head = b"event: " + name + b"\n" if name else b""
    if event_id is not None:
        head += b"id: " + event_id + b"\n"
    if b"\n" in payload or b"\r" in payload:
        payload = b"\ndata: ".join(payload.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))
    return head + b"data: " + payload + b"\n\n"


def render_comment(text: bytes = b"") -> bytes:
    """Keeps a quiet stream open; readers ignore it."""
    return b": " + text + b"\n\n"
