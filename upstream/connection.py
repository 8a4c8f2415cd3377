"""One kept-alive HTTP/1.1 connection to a server, and its answers.

Rule: one exchange at a time; whatever goes wrong closes the connection and becomes an
UpstreamFault. An answer is bounded in its head, its body, its framing and its time. It is used
again only after an answer that ended cleanly. Does not know MCP.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import sleep

import httptools

from common.clock import monotonic
from upstream.faults import UpstreamFault
from upstream.streams import Stream

# Each chunk is a call of the parser: so many may be small, beyond them they have to be worth it.
MANY_CHUNKS = 10_000
SMALL_CHUNK = 16


@dataclass(frozen=True, slots=True)
class WireLimits:
    """Bytes, seconds, counts."""

    head_bytes: int = 64 * 1024
    body_bytes: int = 8 * 1024 * 1024
    idle_seconds: float = 30.0  # below the minute after which balancers and NATs forget a connection
    idle_connections: int = 64
    open_connections: int = 256


class Deadline:
    """Until when a stream is read; it can be moved while somebody waits for the next piece."""

    __slots__ = ("at",)

    def __init__(self, at: float):
        self.at = at

    def extend(self, seconds: float) -> None:
        """At least so many seconds from now."""
        self.at = max(self.at, monotonic() + seconds)


class Unsent(Exception):
    """A kept connection turned out dead before a byte had left: a fresh one may be used."""


class Connection:
    __slots__ = (
        "_body",
        "_body_bytes",
        "_can_continue",
        "_chunks",
        "_is_closed",
        "_on_close",
        "_on_free",
        "_parser",
        "_stream",
        "_wire_bytes",
        "authority",
        "has_head",
        "headers",
        "idle_since",
        "is_complete",
        "limits",
        "status",
    )

    def __init__(
        self,
        stream: Stream,
        authority: str,
        limits: WireLimits,
        on_free: "Callable[[Connection], None]",
        on_close: Callable[[], None],
    ):
        self.authority = authority
        self.idle_since = 0.0
        self._stream = stream
        self.limits = limits
        self._on_free = on_free
        self._on_close = on_close
        self._is_closed = False
        self._parser = httptools.HttpResponseParser(self)
        self._reset()

    def _reset(self) -> None:
        self.status = 0
        self.headers: dict[bytes, bytes] = {}
        self.has_head = False
        self.is_complete = False
        self._can_continue = True
        self._body: bytes | bytearray = b""
        self._body_bytes = 0
        self._wire_bytes = 0
        self._chunks = 0

    # What llhttp calls while it reads.

    def on_message_begin(self) -> None:
        if self.is_complete:
            raise ValueError("bytes after the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.has_head:  # trailers are dropped
            self.headers[name.lower()] = value

    def on_headers_complete(self) -> None:
        self.status = self._parser.get_status_code()
        self.has_head = self.status >= 200
        if not self.has_head:
            self.headers = {}

    def on_body(self, chunk: bytes) -> None:
        self._body_bytes += len(chunk)
        self._chunks += 1
        if not self._body:
            self._body = chunk
            return
        if isinstance(self._body, bytes):
            self._body = bytearray(self._body)
        self._body += chunk

    def on_message_complete(self) -> None:
        if self.has_head:
            self.is_complete = True
            self._can_continue = self._parser.should_keep_alive()

    # What the client calls.

    def ask(self, payload: bytes, deadline: float) -> None:
        """Send a whole request and read the head of its answer.

        Raises Unsent when a kept connection was dead before the first byte, otherwise UpstreamFault.
        """
        self._reset()
        try:
            self._send(payload, deadline)
            while not self.has_head:
                self._receive(deadline)
                if not self.has_head and self._wire_bytes > self.limits.head_bytes:
                    raise self._fault("too_large", "sent headers without end")
            if b"content-encoding" in self.headers and self.headers[b"content-encoding"].lower() != b"identity":
                raise self._fault("not_mcp", "sent a compressed answer that nobody asked for")
        except BaseException:  # also a greenlet that is killed here: half an exchange is no connection to keep
            self.close()
            raise

    def read(self, deadline: float) -> bytes:
        """The whole body; the connection is free afterwards."""
        try:
            length = self.headers.get(b"content-length", b"")
            if length.isdigit() and int(length[:20]) > self.limits.body_bytes:
                raise self._too_large()
            while not self.is_complete:
                if self._body_bytes > self.limits.body_bytes:
                    raise self._too_large()
                self._receive(deadline)
            if self._body_bytes > self.limits.body_bytes:
                raise self._too_large()
        except BaseException:  # as in `ask`
            self.close()
            raise
        body = bytes(self._body)
        self.release()
        return body

    def pieces(self, deadline: Deadline) -> Iterator[bytes]:
        """The body as it arrives; whoever stops early must `release` the connection."""
        try:
            while True:
                if self._body:
                    piece, self._body = bytes(self._body), b""
                    yield piece
                if self.is_complete:
                    return
                self._receive_by(deadline)
        except GeneratorExit:  # not an error: the reader has what it wanted, and releases
            raise
        except BaseException:  # as in `ask`
            self.close()
            raise

    def release(self) -> None:
        """Give the connection back; it is kept only when its answer ended cleanly."""
        if self._is_closed:
            return
        if self.is_complete and self._can_continue:
            self._body = b""
            self._on_free(self)
        else:
            self.close()

    def finish(self, patience: float) -> None:
        """Wait a little for the end of an answer of which everything is known, then release."""
        try:
            deadline = monotonic() + patience
            while not (self.is_complete or self._is_closed):
                self._body = b""
                self._receive(deadline)
        except UpstreamFault:
            self.close()
        except BaseException:  # as in `ask`
            self.close()
            raise
        self.release()

    def keep_alive(self) -> None:
        """Ask the peer's kernel now and then whether it is still there: for an answer that may stay silent long."""
        self._stream.keep_alive()

    def abort(self) -> None:
        """End it from beside: whoever waits for the next piece is woken, and closes it.

        It is not closed here: its number could be another connection's before the other thread has woken.
        """
        self._stream.abort()

    def is_usable(self, now: float) -> bool:
        return now - self.idle_since < self.limits.idle_seconds and self._stream.is_quiet()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._stream.close()
            self._on_close()

    def _send(self, payload: bytes, deadline: float) -> None:
        try:
            self._stream.send(payload, deadline)
        except TimeoutError:
            raise self._fault("timeout", "did not take the request in time", self._stream.has_sent) from None
        except OSError as error:
            if not self._stream.has_sent:
                raise Unsent from error
            raise self._fault("reset", "closed the connection while the request was being sent") from error

    def _receive_by(self, deadline: Deadline) -> None:
        while True:
            at = deadline.at
            try:
                return self._receive(at)
            except UpstreamFault as fault:
                if fault.code != "timeout" or deadline.at <= at:  # it was moved meanwhile: wait on
                    raise

    def _receive(self, deadline: float) -> None:
        try:
            arrived = self._stream.receive(deadline)
        except TimeoutError:
            raise self._fault("timeout", "did not answer in time") from None
        except OSError as error:
            raise self._ended() from error
        if not arrived:
            if self.has_head and not self._is_framed():
                self.is_complete, self._can_continue = True, False
                return
            raise self._ended()
        if self._wire_bytes:
            sleep(0)  # a server that always has more to say would otherwise never let another greenlet run
        self._wire_bytes += len(arrived)
        try:
            self._parser.feed_data(arrived)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._can_continue = False
            if not self.is_complete:
                raise self._fault("not_mcp", "did not answer in proper HTTP") from error
        # Framing (tiny chunks, chunk extensions, trailers) may not outgrow what it frames.
        if self._wire_bytes > self.limits.head_bytes * 2 + 8 * self._body_bytes:
            raise self._too_large()
        if self._chunks > MANY_CHUNKS and self._body_bytes < self._chunks * SMALL_CHUNK:
            raise self._fault("too_large", "cut its answer into too many small chunks")

    def _is_framed(self) -> bool:
        return b"content-length" in self.headers or b"transfer-encoding" in self.headers

    def _ended(self) -> UpstreamFault:
        if self.has_head:
            return self._fault("cut", "cut its answer off midway")
        return self._fault("reset", "closed the connection without an answer")

    def _too_large(self) -> UpstreamFault:
        limit = self.limits.body_bytes / (1 << 20)
        return self._fault(
            "too_large", f"sent an answer that is too large (the limit is {limit:.3g} MiB). Ask it for less"
        )

    def _fault(self, code: str, what: str, may_have_run: bool = True) -> UpstreamFault:
        return UpstreamFault(code, f"{self.authority} {what}.", may_have_run=may_have_run)


def time_left(deadline: float) -> float:
    return max(0.0, deadline - monotonic())
