"""What the HTTP server itself answers, and the exceptions that lead there.

Rule: whoever is refused reads one sentence that says what to change, as a JSON-RPC error, and the connection closes.
"""

import json
from http import HTTPStatus

INVALID_REQUEST = -32600
INTERNAL_ERROR = -32603
UNAVAILABLE = -31503


class Refusal(Exception):
    """The request is answered by the server with this status and sentence; the connection closes after it."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


class BodyTooLarge(Refusal):
    def __init__(self, sentence: str) -> None:
        super().__init__(413, sentence)


class BodyTimeout(Refusal):
    def __init__(self) -> None:
        super().__init__(408, "The request's body came too slowly. Please send the request again.")


class ClientGone(Exception):
    """The client has closed its connection, or does not read: there is nobody left to answer."""


def render_refusal(status: int, sentence: str, *, with_body: bool = True) -> bytes:
    """The whole response, without a Date: a server may leave it out when it answers 4xx and 5xx in distress."""
    code = {500: INTERNAL_ERROR, 503: UNAVAILABLE}.get(status, INVALID_REQUEST)
    body = json.dumps({"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": sentence}}).encode()
    retry = "Retry-After: 1\r\n" if status == HTTPStatus.SERVICE_UNAVAILABLE else ""
    head = (
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n{retry}Connection: close\r\n\r\n"
    )
    return head.encode("ascii") + (body if with_body else b"")
