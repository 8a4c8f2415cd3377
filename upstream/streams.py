"""Byte streams with deadlines: a plain socket, and TLS on top of one.

Rule: each wait is bounded by the deadline, whatever the peer drips; errors are the standard
library's (TimeoutError, OSError). TLS runs over memory buffers, so that the deadline holds for
every byte of a record, in threads and under gevent alike.
"""

import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol, TypeVar

from common.clock import monotonic

RECEIVE_BYTES = 65536
# A peer that has vanished is noticed after 30 + 3 × 10 seconds of silence.
KEEP_ALIVE = {"TCP_KEEPIDLE": 30, "TCP_KEEPINTVL": 10, "TCP_KEEPCNT": 3}
_T = TypeVar("_T")


class Stream(Protocol):
    has_sent: bool  # whether a byte of what was last sent may have left

    def send(self, payload: bytes, deadline: float) -> None: ...
    def receive(self, deadline: float) -> bytes: ...
    def is_quiet(self) -> bool: ...
    def keep_alive(self) -> None: ...
    def abort(self) -> None: ...
    def close(self) -> None: ...


class PlainStream:
    __slots__ = ("_socket", "has_sent")

    def __init__(self, connected: socket.socket):
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket = connected
        self.has_sent = False

    def send(self, payload: bytes, deadline: float) -> None:
        self.has_sent = False
        self._socket.settimeout(_left(deadline))
        sent = self._socket.send(payload)
        self.has_sent = True
        if sent < len(payload):
            self._socket.sendall(memoryview(payload)[sent:])

    def receive(self, deadline: float) -> bytes:
        """At least one byte, or b"" at the end of the stream."""
        self._socket.settimeout(_left(deadline))
        return self._socket.recv(RECEIVE_BYTES)

    def is_quiet(self) -> bool:
        """Whether the peer has neither spoken nor closed: only then may a kept connection be used."""
        try:
            return self.pending() is None
        except OSError:
            return False

    def pending(self) -> bytes | None:
        """What has arrived already, without waiting; None when nothing has."""
        self._socket.settimeout(0)
        try:
            return self._socket.recv(RECEIVE_BYTES)
        except BlockingIOError:
            return None

    def keep_alive(self) -> None:
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, setting in KEEP_ALIVE.items():
            if hasattr(socket, option):  # other systems than Linux lack some, and keep their own pace
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), setting)

    def abort(self) -> None:
        with suppress(OSError):  # the peer was faster
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()


class TlsStream:
    __slots__ = ("_in", "_out", "_plain", "_tls", "has_sent")

    def __init__(self, plain: PlainStream, context: ssl.SSLContext, host: str, deadline: float):
        self._plain = plain
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out, server_hostname=host)
        self.has_sent = False
        self._drive(self._tls.do_handshake, deadline)

    def send(self, payload: bytes, deadline: float) -> None:
        self.has_sent = False
        left = memoryview(payload)
        while left:
            left = left[self._tls.write(left) :]  # one record at a time
        self._plain.has_sent = False
        try:
            self._flush(deadline)
        finally:
            self.has_sent = self._plain.has_sent

    def receive(self, deadline: float) -> bytes:
        try:
            return self._drive(lambda: self._tls.read(RECEIVE_BYTES), deadline)
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""

    def is_quiet(self) -> bool:
        """Session tickets may arrive between two exchanges; they are not the peer speaking."""
        try:
            arrived = self._plain.pending()
            if arrived is None:
                return True
            if not arrived:
                return False
            self._in.write(arrived)
            self._tls.read(1)
        except ssl.SSLWantReadError:
            return True
        except OSError:
            return False
        return False

    def keep_alive(self) -> None:
        self._plain.keep_alive()

    def abort(self) -> None:
        self._plain.abort()

    def close(self) -> None:
        self._plain.close()

    def _drive(self, step: Callable[[], _T], deadline: float) -> _T:
        while True:
            try:
                done = step()
            except ssl.SSLWantReadError:
                self._flush(deadline)
                arrived = self._plain.receive(deadline)
                if arrived:
                    self._in.write(arrived)
                else:
                    self._in.write_eof()
                continue
            except ssl.SSLError:
                self._flush(deadline)  # the alert that tells the peer why
                raise
            self._flush(deadline)
            return done

    def _flush(self, deadline: float) -> None:
        if self._out.pending:
            self._plain.send(self._out.read(), deadline)


def _left(deadline: float) -> float:
    left = deadline - monotonic()
    if left <= 0:
        raise TimeoutError
    return left
