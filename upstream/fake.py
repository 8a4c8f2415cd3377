"""FakeUpstream: an honest MCP server of either era, scriptable for faults.

Rule: unscripted it keeps the protocol as strictly as a real server (sessions, headers that must
agree with the body, ids echoed); scripted it misbehaves once, or always, exactly as asked. It
records each request. Ships for tests and demonstrations, never for service.
"""

import itertools
import json
import socket
import ssl
import threading
from collections import defaultdict, deque
from collections.abc import Callable
from contextlib import suppress
from typing import Self

import httptools

from upstream.eras import (
    HEADER_MISMATCH,
    LEGACY_VERSIONS,
    META_SERVER,
    META_VERSION,
    MODERN_VERSION,
    UNSUPPORTED_VERSION,
    render_header_value,
)
from upstream.fake_turns import Json, Request, Turn, read_request

Act = Callable[[Turn], None]
ECHO: Json = {
    "name": "echo",
    "description": "Says its arguments again",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class FakeUpstream:
    """`era`: modern, legacy or both. Use as a context manager; it listens on loopback."""

    def __init__(
        self,
        era: str = "both",
        *,
        tools: list[Json] | None = None,
        page_size: int = 0,
        streams: bool = False,
        legacy_version: str = LEGACY_VERSIONS[0],
        keeps_sessions: bool = True,
        tls: ssl.SSLContext | None = None,
    ):
        self.era, self.page_size, self.streams = era, page_size, streams
        self.tools = [ECHO] if tools is None else tools
        self.legacy_version, self.keeps_sessions = legacy_version, keeps_sessions
        self.requests: list[Request] = []
        self.connections = 0
        self.sessions: set[str] = set()
        self.closing = threading.Event()
        self._tls = tls
        self.capabilities: Json = {"tools": {}}
        # What else it answers, by method: prompts, resources, completions.
        self.results: dict[str, Json] = {}
        self._once: defaultdict[str, deque[Act]] = defaultdict(deque)
        self._always: dict[str, Act] = {}
        self._session_ids = itertools.count(1)
        self._peers: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/mcp"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def script(self, method: str, *acts: Act) -> None:
        """Answer the next requests for `method` by these acts, one each."""
        self._once[method].extend(acts)

    def always(self, method: str, act: Act | None) -> None:
        """Answer every request for `method` by this act; None: honestly again."""
        if act is None:
            self._always.pop(method, None)
        else:
            self._always[method] = act

    def drop_connections(self) -> None:
        """Close what is open, as a server does with kept connections after a while."""
        for peer in list(self._peers):
            with suppress(OSError):  # the peer was faster
                peer.shutdown(socket.SHUT_RDWR)

    @property
    def open_connections(self) -> int:
        return len(self._peers)

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)

    def last(self, method: str) -> Request:
        return next(request for request in reversed(self.requests) if request.method == method)

    def new_session(self) -> str:
        session = f"session-{next(self._session_ids)}"
        self.sessions.add(session)
        return session

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        # A client that left, refused our certificate, or does not speak HTTP.
        with suppress(OSError, httptools.HttpParserError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                peer = self._tls.wrap_socket(peer, server_side=True)
            self._peers.add(peer)
            try:
                while (request := read_request(peer)) is not None:
                    self.requests.append(request)
                    turn = Turn(self, peer, request)
                    self._act_for(request.method)(turn)
                    if turn.is_over:
                        break
            finally:
                self._peers.discard(peer)
                peer.close()

    def _act_for(self, method: str) -> Act:
        if self._once[method]:
            return self._once[method].popleft()
        return self._always.get(method, honest)


def honest(turn: Turn) -> None:
    """Answer as the protocol says."""
    server, request = turn.server, turn.request
    meta = request.params.get("_meta") or {}
    if request.verb == "DELETE":
        server.sessions.discard(request.headers.get("mcp-session-id", ""))
        turn.answer(b"", 204)
    elif request.verb != "POST" or not request.message:
        turn.answer(b"", 405 if request.verb != "POST" else 400)
    elif META_VERSION in meta and server.era != "legacy":
        _answer_modern(turn, meta[META_VERSION])
    elif server.era == "modern":
        turn.refuse(400, -32602, "_meta is required")
    else:
        _answer_legacy(turn)


def _answer_modern(turn: Turn, version: str) -> None:
    request = turn.request
    headers, key = request.headers, _NAMED.get(request.method)
    if headers.get("mcp-protocol-version") != version or headers.get("mcp-method") != request.method:
        turn.refuse(400, HEADER_MISMATCH, "headers and body differ")
    elif key is not None and headers.get("mcp-name") != render_header_value(request.params.get(key, "")):
        turn.refuse(400, HEADER_MISMATCH, "Mcp-Name differs")
    elif version != MODERN_VERSION:
        turn.refuse(400, UNSUPPORTED_VERSION, "unsupported", data={"supported": [MODERN_VERSION], "requested": version})
    elif request.method == "server/discover":
        identity = {META_SERVER: {"name": "fake", "version": "1"}}
        result = {"supportedVersions": [MODERN_VERSION], "capabilities": turn.server.capabilities, "_meta": identity}
        turn.respond(result=result)
    elif (result := _result_of(turn)) is None:
        turn.refuse(404, -32601, "no such method")
    else:
        _deliver(turn, {"resultType": "complete", **result})


def _answer_legacy(turn: Turn) -> None:
    server, request = turn.server, turn.request
    session = request.headers.get("mcp-session-id")
    if request.method == "initialize":
        result = {
            "protocolVersion": server.legacy_version,
            "capabilities": server.capabilities,
            "serverInfo": {"name": "fake", "version": "1"},
            "instructions": "Echo things.",
        }
        turn.respond(result=result, session=server.new_session() if server.keeps_sessions else "")
    elif server.keeps_sessions and session is None:
        turn.refuse(400, -32600, "no session")
    elif server.keeps_sessions and session not in server.sessions:
        turn.refuse(404, -32001, "no such session")
    elif "id" not in request.message or "method" not in request.message:
        turn.answer(b"", 202)
    elif (result := _result_of(turn)) is None:
        turn.refuse(200, -32601, "no such method")
    else:
        _deliver(turn, result)


def _result_of(turn: Turn) -> Json | None:
    server, params = turn.server, turn.request.params
    if turn.request.method in server.results:
        return server.results[turn.request.method]
    if turn.request.method == "tools/list":
        size = server.page_size or len(server.tools) or 1
        start = int(params.get("cursor", 0))
        more = {"nextCursor": str(start + size)} if start + size < len(server.tools) else {}
        return {"tools": server.tools[start : start + size], **more}
    if turn.request.method == "tools/call":
        said = json.dumps(params.get("arguments"), separators=(",", ":"))
        return {"content": [{"type": "text", "text": said}], "isError": params.get("name") == "fail"}
    return {} if turn.request.method == "ping" else None


def _deliver(turn: Turn, result: Json) -> None:
    if not turn.server.streams:
        turn.respond(result=result)
        return
    turn.begin_stream()
    turn.write_message({"id": turn.request.message["id"], "result": result})
    turn.end_stream()
