"""A request at a FakeUpstream, and the turn in which it is answered.

Rule: every byte that leaves is written here, whole or in pieces, right or wrong as the act says.
"""

import json
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httptools

from upstream.eras import META_VERSION
from upstream.sse import render_event

if TYPE_CHECKING:
    from upstream.fake import FakeUpstream

Json = dict[str, Any]
Act = Callable[["Turn"], None]


@dataclass(frozen=True, slots=True)
class Request:
    """What arrived: header names are lower-case; `message` is {} when the body is not a JSON object."""

    verb: str
    path: str
    headers: dict[str, str]
    body: bytes
    message: Json

    @property
    def method(self) -> str:
        return self.message.get("method", "") or self.verb

    @property
    def params(self) -> Json:
        return self.message.get("params") or {}


class Turn:
    """One request being answered; acts write through it."""

    def __init__(self, server: "FakeUpstream", peer: socket.socket, request: Request):
        self.server, self.peer, self.request = server, peer, request
        self.is_over = False  # whether the connection ends with this answer

    @property
    def session(self) -> str:
        """The legacy session in which it was asked; "" without one."""
        return self.request.headers.get("mcp-session-id", "")

    @property
    def is_modern(self) -> bool:
        return META_VERSION in (self.request.params.get("_meta") or {})

    def write(self, payload: bytes) -> None:
        self.peer.sendall(payload)

    def answer(self, body: bytes, status: int = 200, kind: str = "application/json", **headers: str) -> None:
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        head = f"HTTP/1.1 {status} Fake\r\nContent-Type: {kind}\r\n{lines}Content-Length: {len(body)}\r\n\r\n"
        self.write(head.encode() + body)

    def respond(self, status: int = 200, *, answers_id: object = None, session: str = "", **outcome: Any) -> None:
        """A JSON-RPC response: `result=` or `error=`."""
        message = {"jsonrpc": "2.0", "id": answers_id or self.request.message.get("id"), **outcome}
        self.answer(json.dumps(message).encode(), status, **({"Mcp_Session_Id": session} if session else {}))

    def refuse(self, status: int, code: int, text: str, **more: Any) -> None:
        self.respond(status, error={"code": code, "message": text, **more})

    def begin_stream(self) -> None:
        self.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")

    def write_chunk(self, payload: bytes) -> None:
        self.write(b"%x\r\n%b\r\n" % (len(payload), payload))

    def write_message(self, message: Json) -> None:
        self.write_chunk(render_event(json.dumps({"jsonrpc": "2.0", **message}).encode(), b"message"))

    def end_stream(self) -> None:
        self.write(b"0\r\n\r\n")

    def wait(self, seconds: float | None = None) -> None:
        """Pass time; ends at once when the server closes."""
        self.server.closing.wait(seconds)

    def end(self) -> None:
        self.is_over = True


def read_request(peer: socket.socket) -> Request | None:
    reading = _Reading()
    parser = httptools.HttpRequestParser(reading)
    while not reading.is_complete:
        arrived = peer.recv(65536)
        if not arrived:
            return None
        parser.feed_data(arrived)
    try:
        message = json.loads(reading.body or b"{}")
    except ValueError:
        message = {}
    return Request(
        verb=parser.get_method().decode(),
        path=reading.path,
        headers=reading.headers,
        body=bytes(reading.body),
        message=message if isinstance(message, dict) else {},
    )


class _Reading:
    def __init__(self) -> None:
        self.path, self.headers, self.body, self.is_complete = "", {}, bytearray(), False

    def on_url(self, url: bytes) -> None:
        self.path += url.decode()

    def on_header(self, name: bytes, value: bytes) -> None:
        self.headers[name.decode().lower()] = value.decode("latin-1")

    def on_body(self, chunk: bytes) -> None:
        self.body += chunk

    def on_message_complete(self) -> None:
        self.is_complete = True
