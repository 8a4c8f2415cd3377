"""One client's socket under gevent, with deadlines, watched for its end.

Rule: every wait has a deadline, kept by the server's watchman, who shuts the socket down; so a wait costs no timer.
Knows bytes only, no HTTP. The application meets it as `environ['stoa.connection']`: `is_gone` and `watch`.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from math import inf
from time import monotonic

import gevent
from gevent.monkey import get_original

from gateway.http.limits import HttpLimits
from gateway.http.refusals import ClientGone

# The socket below gevent's: it never blocks here, and a call is one system call without a second bookkeeping.
PlainSocket = get_original("socket", "socket")

_RECEIVE = 65_536
_PIPELINED = 65_536
_READ, _WRITE = 1, 2


class Stream:
    __slots__ = (
        "_callbacks",
        "_hub",
        "_is_gone",
        "_is_sending",
        "_limits",
        "_reader",
        "_socket",
        "_writer",
        "buffer",
        "deadline",
        "is_expired",
        "is_idle",
    )

    def __init__(self, accepted: socket.socket, limits: HttpLimits) -> None:
        self._socket: socket.socket = PlainSocket(fileno=accepted.detach())
        self._socket.setblocking(False)
        if self._socket.family != socket.AF_UNIX:
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._hub = gevent.get_hub()
        self._reader = self._hub.loop.io(self._socket.fileno(), _READ)
        self._writer = None
        self._limits = limits
        self._callbacks: list[Callable[[], object]] = []
        self._is_gone = False
        self._is_sending = False
        self.buffer = b""
        """Received and not yet used: the head in hand, a body, pipelined requests."""
        self.deadline = inf
        self.is_expired = False
        self.is_idle = False

    def receive(self, deadline: float) -> bytes:
        """What arrives next; empty when the client has finished sending, or when the deadline has passed."""
        if self._callbacks:
            raise RuntimeError("Read the request's body before you watch the connection.")
        while True:
            self._wait(self._reader, deadline)
            try:
                return self._socket.recv(_RECEIVE)
            except BlockingIOError:
                continue  # Woken for bytes that are gone again, as after a bad checksum.
            except OSError:
                self._is_gone = True
                return b""

    def send(self, content: bytes) -> None:
        """Hand all of it to the kernel. Raises ClientGone when the client is, or takes it too slowly."""
        try:
            sent = self._socket.send(content)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._is_gone = True
            raise ClientGone("The client closed the connection before its answer.") from error
        if sent < len(content):
            self._send_rest(memoryview(content)[sent:])

    def _send_rest(self, content: memoryview) -> None:
        if self._writer is None:
            self._writer = self._hub.loop.io(self._socket.fileno(), _WRITE)
        deadline = monotonic() + self._limits.send_timeout + len(content) / self._limits.min_rate
        self._is_sending = True
        while content:
            self._wait(self._writer, deadline)
            try:
                content = content[self._socket.send(content) :]
            except BlockingIOError:
                continue
            except OSError as error:
                self._is_gone = True
                raise ClientGone("The client closed the connection, or did not read its answer.") from error
        self._is_sending = False

    def _wait(self, watcher, deadline: float) -> None:
        """Sleep until the watcher fires; whoever calls must find out whether it did, and wait again if not."""
        self.deadline = deadline
        watcher.start(gevent.getcurrent().switch)  # hub.wait() does the same with a Waiter between, for 0.6 µs more
        try:
            self._hub.switch()
        finally:
            watcher.stop()
            self.deadline = inf

    def expire(self) -> None:
        """End the wait whose deadline has passed: what arrives from now on is the end, what is sent fails."""
        self.is_expired = True
        self._shut(socket.SHUT_RDWR if self._is_sending else socket.SHUT_RD)

    def end_if_idle(self) -> None:
        """End the stream if it waits for a request of which no byte has arrived."""
        if not self.is_idle:
            return
        with suppress(OSError):
            if self._socket.recv(1, socket.MSG_PEEK):
                return
        self._shut(socket.SHUT_RD)

    def _shut(self, how: int) -> None:
        with suppress(OSError):  # The client may have been quicker: then there is nothing left to shut.
            self._socket.shutdown(how)

    @property
    def is_gone(self) -> bool:
        """Whether the client has closed its side. Pipelined requests hide it until they are read."""
        if not self._is_gone and not self._callbacks:
            try:
                self._is_gone = self._socket.recv(1, socket.MSG_PEEK) == b""
            except BlockingIOError:
                pass
            except OSError:
                self._is_gone = True
        return self._is_gone

    def watch(self, callback: Callable[[], object]) -> None:
        """Call once, in a greenlet of its own, when the client goes before this response has ended.

        Read the body first. A client that has pipelined 64 KiB is not watched further; sending to it will tell.
        """
        self._callbacks.append(callback)
        if self._is_gone:
            self._tell()
        elif len(self._callbacks) == 1:
            self._reader.start(self._look)

    def end_watch(self) -> None:
        if self._callbacks:
            self._callbacks.clear()
            self._reader.stop()

    def _look(self) -> None:
        try:
            received = self._socket.recv(_RECEIVE)
        except BlockingIOError:
            return
        except OSError:
            received = b""
        self.buffer += received
        if not received:
            self._is_gone = True
            self._tell()
        elif len(self.buffer) >= _PIPELINED:
            self._reader.stop()

    def _tell(self) -> None:
        callbacks, self._callbacks = self._callbacks, []
        self._reader.stop()
        for callback in callbacks:
            gevent.spawn(callback)

    def linger(self) -> None:
        """Let a refused client read why: end our side, then throw away a bounded rest of what it sends.

        Without it the close would be a reset, which takes the answer from under the client's eyes.
        """
        self._shut(socket.SHUT_WR)
        deadline = monotonic() + self._limits.linger_timeout
        left = self._limits.linger_bytes
        while left > 0:
            received = self.receive(deadline)
            if not received:
                return
            left -= len(received)

    def close(self) -> None:
        self._callbacks.clear()
        self._reader.close()
        if self._writer is not None:
            self._writer.close()
        self._socket.close()
