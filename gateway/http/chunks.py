"""The chunked transfer coding, read strictly (RFC 9112 §7.1).

Rule: what the grammar does not allow is refused; extensions and trailers are checked and dropped, never acted on.
Own rather than llhttp's because the end of the message must be known to the byte, and because llhttp lets
`3;;a` and `3;=b` pass and does not count chunks. Does no I/O.
"""

import re

from gateway.http.fields import STRAY_CONTROL, TOKEN, TRAILERS
from gateway.http.limits import HttpLimits
from gateway.http.refusals import BodyTooLarge, Refusal

_QUOTED = rb'"(?:[\t\x20\x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"'
_SIZE = rb"([0-9A-Fa-f]{1,16})(?:;%b(?:=(?:%b|%b))?)*+\r\n" % (TOKEN, TOKEN, _QUOTED)
_FIRST_LINE = re.compile(_SIZE)
_NEXT_LINE = re.compile(rb"\r\n" + _SIZE)
_FRAMING = re.compile(rb"(?:^|\n)(?:Content-Length|Transfer-Encoding):", re.IGNORECASE)
_MAX_LINE = 256  # a size needs 18 bytes; what remains is for extensions, which nobody reads

_BROKEN = "The body's chunked coding is broken: a chunk size or extension is malformed or too long."


class ChunkedBody:
    """Feed it what arrives until it returns what follows the message."""

    __slots__ = ("_count", "_in_trailers", "_left", "_limits", "_line", "_pending", "_pieces", "_size")

    def __init__(self, limits: HttpLimits) -> None:
        self._limits = limits
        self._line = _FIRST_LINE
        self._pending = b""
        self._pieces: list[bytes] = []
        self._left = 0
        self._size = 0
        self._count = 0
        self._in_trailers = False

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def feed(self, received: bytes) -> bytes | None:
        """The bytes after the end of the message, or None while it has not ended. Raises Refusal."""
        content = self._pending + received
        at = 0
        while not self._in_trailers:
            if self._left:
                piece = content[at : at + self._left]
                self._pieces.append(piece)
                self._left -= len(piece)
                at += len(piece)
                if self._left:
                    self._pending = b""
                    return None
            line = self._line.match(content, at)
            if line is None:
                self._pending = content[at:]
                _check_unfinished_line(self._pending)
                return None
            if len(line[0]) > _MAX_LINE:
                raise Refusal(400, _BROKEN)
            at = line.end()
            self._begin(int(line[1], 16))
        return self._end(content[at:])

    def _begin(self, size: int) -> None:
        self._line = _NEXT_LINE
        self._left = size
        self._size += size
        self._count += 1
        self._in_trailers = size == 0
        if self._size > self._limits.max_body:
            raise BodyTooLarge(f"The request's body is larger than the {self._limits.max_body} bytes accepted here.")
        if self._count > self._limits.max_chunks:
            raise BodyTooLarge("The request's body is cut into too many small chunks. Please send larger ones.")

    def _end(self, trailers: bytes) -> bytes | None:
        section = TRAILERS.match(trailers)
        if section is not None and not _FRAMING.search(section[0]):  # RFC 9110 §6.5.1
            return trailers[section.end() :]
        if b"\r\n\r\n" in trailers or len(trailers) > self._limits.max_head or STRAY_CONTROL.search(trailers):
            raise Refusal(400, "The fields after the body's last chunk are malformed, forbidden or too long.")
        self._pending = trailers
        return None


def _check_unfinished_line(line: bytes) -> None:
    """Refuse what cannot become a size line; the first two bytes may be the end of the chunk before it."""
    if len(line) > _MAX_LINE or b"\r\n" in line[2:] or STRAY_CONTROL.search(line):
        raise Refusal(400, _BROKEN)
