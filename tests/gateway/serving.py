"""The gateway's HTTP server in a thread of its own, for tests that speak to it through real sockets.

Rule: the test's thread blocks, the server's runs gevent; what must happen inside the server goes through `call`.
"""

import json
import queue
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import gevent
from gevent.event import Event

from gateway.http import HttpLimits, Server
from gateway.http.state import Application

GET = b"GET / HTTP/1.1\r\nHost: stoa\r\n\r\n"

Result = TypeVar("Result")

DEADLINE = 10.0  # how long a test waits for what must happen; nothing should come near it


@dataclass(frozen=True)
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def message(self) -> str:
        return json.loads(self.body)["error"]["message"]


class Client:
    """A blocking socket that sends raw bytes and reads responses one by one."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(DEADLINE)
        try:
            self.socket.connect(address)
        except OSError:
            self.socket.close()
            raise
        self._received = b""

    def send(self, *pieces: bytes) -> None:
        self.socket.sendall(b"".join(pieces))

    def receive(self) -> bytes:
        """What comes next; empty at the end, be it a clean one or a reset."""
        try:
            return self.socket.recv(65_536)
        except ConnectionResetError:
            return b""

    def read_until(self, mark: bytes) -> bytes:
        while mark not in self._received:
            piece = self.receive()
            assert piece, f"The connection ended before {mark!r}; it brought {self._received!r}"
            self._received += piece
        end = self._received.index(mark) + len(mark)
        taken, self._received = self._received[:end], self._received[end:]
        return taken

    def read(self, size: int) -> bytes:
        while len(self._received) < size:
            piece = self.receive()
            assert piece, f"The connection ended {size - len(self._received)} bytes early"
            self._received += piece
        taken, self._received = self._received[:size], self._received[size:]
        return taken

    def read_to_end(self) -> bytes:
        while piece := self.receive():
            self._received += piece
        taken, self._received = self._received, b""
        return taken

    def read_answer(self, *, has_body: bool = True) -> Answer:
        """The next response; understands Content-Length and chunked. `has_body` is False for HEAD."""
        status_line, *lines = self.read_until(b"\r\n\r\n").decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        fields = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
        body = b""
        if has_body and fields.get("transfer-encoding") == "chunked":
            while size := int(self.read_until(b"\r\n"), 16):
                body += self.read(size + 2)[:-2]
            self.read_until(b"\r\n")
        elif has_body:
            body = self.read(int(fields.get("content-length", 0)))
        return Answer(int(status_line.split(" ")[1]), fields, body)

    def is_closed(self) -> bool:
        """Wait for the end of the connection; False when bytes come instead."""
        return not self._received and self.receive() == b""

    def close(self) -> None:
        self.socket.close()

    def __enter__(self) -> "Client":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Serving:
    def __init__(self, application: Application, limits: HttpLimits, listener: socket.socket) -> None:
        self.address = listener.getsockname()
        self._application = application
        self._limits = limits
        self._listener = listener
        self._ready = threading.Event()
        self._calls: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(DEADLINE)

    def connect(self) -> Client:
        return Client(self.address)

    def call(self, function: Callable[..., Result], *arguments: object) -> "queue.SimpleQueue[Result]":
        """Run it in a greenlet of the server's thread; the result comes through the queue."""
        result: queue.SimpleQueue[Result] = queue.SimpleQueue()
        self._calls.put(lambda: result.put(function(*arguments)))
        self._bell.send()
        return result

    def end(self) -> None:
        self.call(self._finished.set)
        self._thread.join(DEADLINE)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        hub = gevent.get_hub()
        self._finished = Event()
        self._bell = hub.loop.async_()
        self._bell.start(lambda: gevent.spawn(self._run_calls))
        self.server = Server(self._listener, self._application, self._limits)
        self.server.start()
        self._ready.set()
        self._finished.wait()
        self.server.close()
        self._bell.close()
        hub.destroy(destroy_loop=True)

    def _run_calls(self) -> None:
        while not self._calls.empty():
            gevent.spawn(self._calls.get())


def listen() -> socket.socket:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.listen(128)
    return listener


@contextmanager
def serving(application: Application, limits: HttpLimits | None = None) -> Iterator[Serving]:
    served = Serving(application, limits or HttpLimits(), listen())
    try:
        yield served
    finally:
        served.end()


def post(body: bytes, *fields: bytes, path: bytes = b"/") -> bytes:
    lines = [b"POST %b HTTP/1.1" % path, b"Host: stoa", b"Content-Length: %d" % len(body), *fields]
    return b"\r\n".join([*lines, b"", body])


def answering(status: str, items, fields=()):
    def application(_environ, start):
        start(status, list(fields))
        return items

    return application


class Closing:
    """An iterable response that remembers whether it was closed."""

    def __init__(self, items) -> None:
        self._items = items
        self.closed = 0

    def __iter__(self):
        yield from self._items

    def close(self) -> None:
        self.closed += 1


def reading(environ, start):
    body = environ["wsgi.input"].read()
    start("200 OK", [])
    return [body]
