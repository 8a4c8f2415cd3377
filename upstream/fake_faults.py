"""Acts for a FakeUpstream: each a way in which real servers disappoint.

Rule: an act does one thing wrong and everything else right, so that a test knows what it tests.
"""

import socket
import struct

from upstream.fake_honest import honest
from upstream.fake_turns import Act, Turn

_CHUNK = b"x" * 65536


def slow(seconds: float) -> Act:
    def act(turn: Turn) -> None:
        turn.wait(seconds)
        honest(turn)

    return act


def status(code: int, body: bytes = b"", kind: str = "text/plain", **headers: str) -> Act:
    return lambda turn: turn.answer(body, code, kind, **headers)


def body(payload: bytes, kind: str = "application/json") -> Act:
    return lambda turn: turn.answer(payload, 200, kind)


def raw(payload: bytes) -> Act:
    """These bytes, then the end of the connection."""

    def act(turn: Turn) -> None:
        turn.write(payload)
        turn.end()

    return act


def progress(*steps: float, pause: float = 0.0) -> Act:
    """A stream: one notification a step for the caller's progressToken, then the honest result."""

    def act(turn: Turn) -> None:
        token = turn.request.params.get("_meta", {}).get("progressToken")
        turn.begin_stream()
        for step in steps:
            params = {"progressToken": token, "progress": step, "total": 100}
            turn.write_message({"method": "notifications/progress", "params": params})
            turn.wait(pause)
        content = [{"type": "text", "text": "done"}]
        turn.write_message({"id": turn.request.message["id"], "result": {"content": content}})
        turn.end_stream()

    return act


def hang(turn: Turn) -> None:
    turn.wait()
    turn.end()


def close(turn: Turn) -> None:
    turn.end()


def reset(turn: Turn) -> None:
    turn.peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
    turn.end()


def cut_midway(turn: Turn) -> None:
    raw(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"jsonrpc"')(turn)


def cut_stream(turn: Turn) -> None:
    """One notification, then the end of the connection."""
    turn.begin_stream()
    turn.write_message({"method": "notifications/message", "params": {"level": "info", "data": "soon"}})
    turn.end()


def end_stream_unanswered(turn: Turn) -> None:
    turn.begin_stream()
    turn.end_stream()


def wrong_id(turn: Turn) -> None:
    turn.respond(answers_id="somebody-else", result={})


def endless_body(turn: Turn) -> None:
    turn.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not turn.server.closing.is_set():
        turn.write_chunk(_CHUNK)


def endless_event(turn: Turn) -> None:
    turn.begin_stream()
    turn.write_chunk(b"data: ")
    while not turn.server.closing.is_set():
        turn.write_chunk(_CHUNK)


def endless_head(turn: Turn) -> None:
    turn.write(b"HTTP/1.1 200 OK\r\n")
    while not turn.server.closing.is_set():
        turn.write(b"X-More: " + _CHUNK + b"\r\n")


def trickle(turn: Turn) -> None:
    """A byte now and then: always alive, never done."""
    turn.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n")
    while not turn.server.closing.is_set():
        turn.write(b" ")
        turn.wait(0.02)


html: Act = body(b"<!doctype html><title>Sign in</title>", "text/html; charset=utf-8")
invalid_json: Act = body(b'{"jsonrpc": "2.0", "id": ')
