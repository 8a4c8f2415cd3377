"""The body of a request: `wsgi.input`.

Rule: nothing is received, and no 100 Continue is sent, before the application reads; so it can refuse a caller
whose body has never left. The first read receives all of it, up to the limit.
"""

from time import monotonic

from gateway.http.chunks import ChunkedBody
from gateway.http.refusals import BodyTimeout, ClientGone, Refusal
from gateway.http.request import Request
from gateway.http.state import ServerState
from gateway.http.stream import Stream

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_SHORT = 65_536


class CountedBody:
    """A body whose Content-Length is known; reads like ChunkedBody."""

    __slots__ = ("_left", "_pieces")

    def __init__(self, length: int) -> None:
        self._left = length
        self._pieces: list[bytes] = []

    @property
    def content(self) -> bytes:
        return b"".join(self._pieces)

    def feed(self, received: bytes) -> bytes | None:
        """The bytes after the end of the body, or None while it has not ended."""
        self._pieces.append(received[: self._left])
        rest = received[self._left :]
        self._left -= len(self._pieces[-1])
        return None if self._left else rest


class Body:
    # Holds no Request: its environ holds this, and a cycle would leave each request to the garbage collector.
    __slots__ = (
        "_content",
        "_expects_continue",
        "_is_chunked",
        "_length",
        "_limits",
        "_state",
        "_stream",
        "is_complete",
    )

    def __init__(self, stream: Stream, request: Request, state: ServerState) -> None:
        self._stream = stream
        self._state = state
        self._limits = state.limits
        self._length = length = request.length
        self._is_chunked = request.is_chunked
        self._expects_continue = request.expects_continue
        self._content = b""
        self.is_complete = False
        """Whether all of it has been taken off the stream, so that the next request can follow."""
        if not self._is_chunked and length <= len(stream.buffer):
            self._content = stream.buffer[:length]
            stream.buffer = stream.buffer[length:]
            self.is_complete = True

    def read(self, size: int = -1) -> bytes:
        """The body, or its next `size` bytes.

        Raises BodyTooLarge, BodyTimeout, another Refusal, or ClientGone: let them through to the server.
        """
        if not self.is_complete:
            self._receive()
        if size < 0 or size >= len(self._content):
            content, self._content = self._content, b""
        else:
            content, self._content = self._content[:size], self._content[size:]
        return content

    def may_be_dropped(self) -> bool:
        """Whether an unread rest is sure to come, and so short that receiving it is cheaper than a new connection."""
        return self.is_complete or (self._length <= _SHORT and not self._is_chunked and not self._expects_continue)

    def _receive(self) -> None:
        stream = self._stream
        coding = ChunkedBody(self._limits) if self._is_chunked else CountedBody(self._length)
        if self._expects_continue and not stream.buffer:
            stream.send(_CONTINUE)
        received, stream.buffer = stream.buffer, b""
        started = monotonic()
        total = 0
        try:
            while True:
                total += len(received)
                self._state.arriving += len(received)
                if self._state.arriving > self._limits.max_arriving:
                    raise Refusal(503, "The gateway is receiving too much at once. Please send the request again.")
                if (rest := coding.feed(received)) is not None:
                    break
                received = stream.receive(started + self._limits.body_timeout + total / self._limits.min_rate)
                if not received:
                    if stream.is_expired:
                        raise BodyTimeout
                    raise ClientGone("The client closed the connection in the middle of its request.")
        finally:
            self._state.arriving -= total
        stream.buffer = rest
        self._content = coding.content
        self.is_complete = True
