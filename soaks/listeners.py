"""Thousands of open streams, held by one thread.

Rule: one epoll and no thread a stream, so that what is measured is the gateway. A stream counts as open when the
gateway has said so: by the acknowledgement (modern), by the head of its answer (legacy).
"""

import itertools
import json
import selectors
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any, Self

import httptools

from local.ports import HOST
from soaks import Wrong
from soaks.calls import Address, headers, modern_meta, opening
from soaks.upstream import LEGACY, META, MODERN

OPENING_AT_ONCE = 64  # as many calls as a token may have under way in one process
RECEIVE_BYTES = 1 << 16
BETWEEN_LOOKS = 0.05
ACKNOWLEDGED, CHANGED = "notifications/subscriptions/acknowledged", "notifications/tools/list_changed"
# A legacy client cannot choose what it is told of.
CHANGES = frozenset(f"notifications/{kind}/list_changed" for kind in ("tools", "prompts", "resources"))
STREAM = b"text/event-stream"


class Stream:
    """`changes`: when it was told that a list has changed; `wrong`: what came that should not have. Times on the
    monotonic clock, seconds; `ended` 0 while it has not."""

    __slots__ = (
        "_body",
        "_kind",
        "_parser",
        "_requests",
        "changes",
        "ended",
        "era",
        "is_open",
        "mcp_session",
        "number",
        "sock",
        "token",
        "wrong",
    )

    def __init__(self, address: Address, number: int, era: str, token: str) -> None:
        self.number, self.era, self.token, self.mcp_session = number, era, token, ""
        self.is_open, self.wrong, self.ended = False, "", 0.0
        self.changes: list[float] = []
        self._requests = _modern(self, address) if era == MODERN else _legacy(self, address)
        self._parser = httptools.HttpResponseParser(self)
        self._kind, self._body = b"", b""
        self.sock = socket.socket()
        self.sock.setblocking(False)
        self.sock.connect_ex((HOST, address.port))

    def ask(self) -> None:
        """Send the next of its requests; each is smaller than the empty buffer of a socket."""
        with suppress(OSError):  # the end of the connection shows when it is read
            self.sock.sendall(next(self._requests, b""))

    def receive(self) -> None:
        try:
            received = self.sock.recv(RECEIVE_BYTES)
            if received:
                self._parser.feed_data(received)
            else:
                self.end()
        except (OSError, httptools.HttpParserError) as error:
            self.end(repr(error))

    def end(self, wrong: str = "") -> None:
        self.ended, self.wrong = self.ended or time.monotonic(), self.wrong or wrong

    def on_header(self, name: bytes, value: bytes) -> None:
        match name.lower():
            case b"mcp-session-id":
                self.mcp_session = value.decode()
            case b"content-type":
                self._kind = value.partition(b";")[0]

    def on_headers_complete(self) -> None:
        self.is_open = self._kind == STREAM and self.era == LEGACY

    def on_body(self, piece: bytes) -> None:
        self._body += piece
        if self._kind == STREAM:
            *events, self._body = self._body.split(b"\n\n")
            for event in events:
                self._read(event)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status >= 300:
            self.end(f"status {status}: {self._body[:200]!r}")
        elif self._kind == STREAM:
            self.end()
        else:
            self._kind, self._body = b"", b""
            self.ask()

    def _read(self, event: bytes) -> None:
        text = b"".join(line[5:] for line in event.split(b"\n") if line.startswith(b"data:")).strip()
        if not text:
            return  # a comment, or an event that only begins the stream
        message = json.loads(text)
        method, params = message.get("method"), message.get("params", {})
        if self.era == MODERN and _subscription_of(message) != self.number:
            self.wrong = f"an event of somebody else: {message}"
        elif method == CHANGED and self.is_open:
            self.changes.append(time.monotonic())
        elif method == ACKNOWLEDGED and not self.is_open and params["notifications"].get("toolsListChanged"):
            self.is_open = True
        elif method is not None and not (self.era == LEGACY and method in CHANGES):
            self.wrong = f"an event that was not asked for, or out of turn: {message}"


def _modern(stream: Stream, address: Address) -> Iterator[bytes]:
    params = {"_meta": modern_meta(), "notifications": {"toolsListChanged": True}}
    message = {"jsonrpc": "2.0", "id": stream.number, "method": "subscriptions/listen", "params": params}
    yield _request(address, "POST", headers(MODERN, stream.token, "", "subscriptions/listen"), json.dumps(message))


def _legacy(stream: Stream, address: Address) -> Iterator[bytes]:
    yield _request(address, "POST", headers(LEGACY, stream.token, "", "initialize"), opening().decode())
    lines = headers(LEGACY, stream.token, stream.mcp_session, "")
    yield _request(address, "POST", lines, '{"jsonrpc":"2.0","method":"notifications/initialized"}')
    yield _request(address, "GET", lines, "")


def _request(address: Address, verb: str, lines: dict[str, str], body: str) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{verb} {address.path} HTTP/1.1\r\nHost: {HOST}:{address.port}\r\n{head}{length}\r\n{body}".encode()


def _subscription_of(message: dict[str, Any]) -> object:
    """Of a notification, or of the answer that ends a stream; an error ends it under its id alone."""
    told = message.get("params") or message.get("result") or {}
    return told.get("_meta", {}).get(f"{META}subscriptionId", message.get("id"))


class Listeners:
    """All streams of a soak. Use it as a context: they are closed at the end."""

    def __init__(self, address: Address, era: str) -> None:
        self._address, self._era = address, era
        self._selector = selectors.DefaultSelector()
        self.streams: list[Stream] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self.streams:
            stream.sock.close()
        self._selector.close()

    def open(self, tokens: Iterable[str], seconds: float) -> None:
        """A stream for each token. Raises Wrong when one is refused, or all together take too long."""
        deadline = time.monotonic() + seconds
        waiting = iter(tokens)
        opening: list[Stream] = []
        while True:
            opening = [stream for stream in opening if not stream.is_open]
            for token in itertools.islice(waiting, OPENING_AT_ONCE - len(opening)):
                stream = Stream(self._address, len(self.streams) + 1, self._era, token)
                self._selector.register(stream.sock, selectors.EVENT_WRITE, stream)
                self.streams.append(stream)
                opening.append(stream)
            if not opening:
                return
            self._turn(BETWEEN_LOOKS)
            for stream in opening:
                if stream.wrong or stream.ended or time.monotonic() > deadline:
                    raise Wrong(f"Stream {stream.number} does not open: {stream.wrong or 'nothing came in time'}.")

    def until(self, look: Callable[[], bool], seconds: float) -> bool:
        """Go on reading until `look` says so, or for so many seconds."""
        deadline = time.monotonic() + seconds
        while not (found := look()) and time.monotonic() < deadline:
            self._turn(BETWEEN_LOOKS)
        return found

    def _turn(self, seconds: float) -> None:
        for key, ready in self._selector.select(seconds):
            stream: Stream = key.data
            if ready & selectors.EVENT_WRITE:
                self._selector.modify(stream.sock, selectors.EVENT_READ, stream)
                stream.ask()
            else:
                stream.receive()
                if stream.ended:
                    self._selector.unregister(stream.sock)
                    stream.sock.close()
