"""The server that soaks torment: one era, a thread a connection.

python -m soaks.upstream ERA PORT LOG

Rule: honest as long as it lives. It writes each nonce into LOG before it answers, so that whoever kills it still
learns what has run. It takes orders on its standard input, `slow SECONDS` and `changed`, and ends with it.
"""

import json
import os
import queue
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

LEGACY, MODERN = "legacy", "modern"
VERSIONS = {LEGACY: "2025-11-25", MODERN: "2026-07-28"}
META = "io.modelcontextprotocol/"

KEEP_ALIVE_SECONDS = 5.0  # also how long it may take to notice that the reader of a stream has gone
CAPABILITIES = {"tools": {"listChanged": True}}
STEPS = 3

Json = dict[str, Any]


class Changes:
    """Who is to be told that the list of tools has changed, and how often it has."""

    def __init__(self) -> None:
        self.count = 0
        self._readers: set[queue.SimpleQueue[bool]] = set()

    @contextmanager
    def reader(self) -> Iterator[queue.SimpleQueue[bool]]:
        """A queue in which there is something for each change from now on."""
        changes: queue.SimpleQueue[bool] = queue.SimpleQueue()
        self._readers.add(changes)
        try:
            yield changes
        finally:
            self._readers.discard(changes)

    def tell(self) -> None:
        self.count += 1
        for reader in list(self._readers):
            reader.put(True)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256  # all clients of a soak come back at once when it is started again

    def __init__(self, era: str, port: int, log: str) -> None:
        super().__init__(("127.0.0.1", port), Turn)
        self.era, self.delay, self.changes = era, 0.0, Changes()
        self.sessions: set[str] = set()
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def note(self, nonce: str) -> None:
        os.write(self._log, f"{nonce}\n".encode())  # one write: it is in the file whatever happens next

    def tools(self) -> list[Json]:
        schema = {"type": "object", "properties": {"nonce": {"type": "string"}}}
        echo = {"name": "echo", "description": "Says its nonce again", "inputSchema": schema}
        changed = {"name": f"changed_{self.changes.count}", "inputSchema": {"type": "object"}}
        return [echo, changed] if self.changes.count else [echo]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that has gone is none of our business."""


class Turn(BaseHTTPRequestHandler):
    server: Server  # type: ignore[assignment]  # the one that we are made by
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # head and body of an answer leave together

    def do_POST(self) -> None:
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        meta = message.get("params", {}).get("_meta", {})
        if self.server.era == MODERN:
            if meta.get(f"{META}protocolVersion") != VERSIONS[MODERN]:
                self._refuse(message, -32602, "_meta is required")
            else:
                self._answer(message, meta)
        elif message["method"] == "initialize":
            self._open_session(message)
        elif self._has_session(message):
            self._answer(message, meta)

    def do_GET(self) -> None:
        if self.server.era == MODERN:
            self._send(405, b"")
        elif self._has_session({}):
            with self.server.changes.reader() as changes:
                self._begin_stream()
                self._tell(changes, {})

    def do_DELETE(self) -> None:
        self.server.sessions.discard(self.headers.get("Mcp-Session-Id", ""))
        self._send(204 if self.server.era == LEGACY else 405, b"")

    def log_message(self, format: str, *args: object) -> None:
        """What it was asked is in the log of nonces."""

    def _open_session(self, message: Json) -> None:
        session = uuid.uuid4().hex
        self.server.sessions.add(session)
        result = {"protocolVersion": VERSIONS[LEGACY], "capabilities": CAPABILITIES, "serverInfo": self._identity()}
        self._send(200, _response(message, result), session)

    def _has_session(self, message: Json) -> bool:
        session = self.headers.get("Mcp-Session-Id")
        if session in self.server.sessions:
            return True
        self._refuse(message, -32001, "no such session" if session else "no session", 404 if session else 400)
        return False

    def _answer(self, message: Json, meta: Json) -> None:
        match message.get("method"):
            case "server/discover" if self.server.era == MODERN:
                found = {"supportedVersions": [VERSIONS[MODERN]], "capabilities": CAPABILITIES}
                self._say(message, {**found, **_cacheable(), "_meta": {f"{META}serverInfo": self._identity()}})
            case "tools/list":
                self._say(message, {"tools": self.server.tools(), **(_cacheable() if self._is_modern() else {})})
            case "tools/call":
                self._call(message, meta)
            case "subscriptions/listen" if self.server.era == MODERN:
                self._listen(message)
            case "ping" if self.server.era == LEGACY:
                self._say(message, {})
            case _ if "id" not in message:
                self._send(202, b"")
            case _:
                self._refuse(message, -32601, "no such method", 404 if self._is_modern() else 200)

    def _call(self, message: Json, meta: Json) -> None:
        nonce = message["params"]["arguments"]["nonce"]
        self.server.note(nonce)
        result = {"content": [{"type": "text", "text": nonce}], "isError": False}
        if "progressToken" not in meta:
            time.sleep(self.server.delay)
            self._say(message, result)
            return
        self._begin_stream()
        for step in range(STEPS):
            progress = {"progressToken": meta["progressToken"], "progress": step, "total": STEPS}
            self._event({"method": "notifications/progress", "params": progress})
        time.sleep(self.server.delay)
        self._event({"id": message["id"], "result": self._complete(result)})
        self._end_stream()

    def _listen(self, message: Json) -> None:
        of_stream = {"_meta": {f"{META}subscriptionId": message["id"]}}
        honoured = {"toolsListChanged": True} if message["params"]["notifications"].get("toolsListChanged") else {}
        with self.server.changes.reader() as changes:
            self._begin_stream()
            params = {**of_stream, "notifications": honoured}
            self._event({"method": "notifications/subscriptions/acknowledged", "params": params})
            self._tell(changes, of_stream)

    def _tell(self, changes: "queue.SimpleQueue[bool]", params: Json) -> None:
        """Until the reader has gone, which shows when the next thing cannot be written."""
        while True:
            try:
                changes.get(timeout=KEEP_ALIVE_SECONDS)
                self._event({"method": "notifications/tools/list_changed", "params": params})
            except queue.Empty:
                self._chunk(b": alive\n\n")

    def _begin_stream(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.flush()

    def _event(self, message: Json) -> None:
        self._chunk(b"data: %b\n\n" % json.dumps({"jsonrpc": "2.0", **message}).encode())

    def _chunk(self, payload: bytes) -> None:
        self.wfile.write(b"%x\r\n%b\r\n" % (len(payload), payload))
        self.wfile.flush()

    def _end_stream(self) -> None:
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def _say(self, message: Json, result: Json) -> None:
        self._send(200, _response(message, self._complete(result)))

    def _refuse(self, message: Json, code: int, words: str, status: int = 400) -> None:
        error = {"code": code, "message": words}
        self._send(status, json.dumps({"jsonrpc": "2.0", "id": message.get("id"), "error": error}).encode())

    def _send(self, status: int, body: bytes, session: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        if session:
            self.send_header("Mcp-Session-Id", session)
        self.end_headers()
        self.wfile.write(body)

    def _is_modern(self) -> bool:
        return self.server.era == MODERN

    def _complete(self, result: Json) -> Json:
        return {"resultType": "complete", **result} if self._is_modern() else result

    def _identity(self) -> Json:
        return {"name": "soak", "version": "1"}


def _response(message: Json, result: Json) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}).encode()


def _cacheable() -> Json:
    return {"ttlMs": 0, "cacheScope": "private"}


def main(era: str, port: str, log: str) -> None:
    server = Server(era, int(port), log)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        order, _, seconds = line.strip().partition(" ")
        if order == "slow":
            server.delay = float(seconds)
        elif order == "changed":
            server.changes.tell()


if __name__ == "__main__":
    main(*sys.argv[1:])
