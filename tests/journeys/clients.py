"""Clients that keep asking: each over one kept-alive connection, noting when each request began."""

import http.client
import json
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from common import clock

PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


@dataclass(frozen=True, slots=True)
class Asked:
    """`began` and `ended` on the monotonic clock, seconds; `status` 0 where the connection broke."""

    token: str
    began: float
    ended: float
    status: int
    retry_after: str | None = None


class Clients:
    """So many threads that ask for the workspace with whatever token `token` names at the moment."""

    def __init__(self, port: int, slug: str, count: int, token: Callable[[], str], body: bytes = PING) -> None:
        self._port = port
        self._slug = slug
        self._token = token
        self._body = body
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]
        self.asked: list[Asked] = []

    def __enter__(self) -> "Clients":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._stop.is_set():
            token, began, status, retry_after = self._token(), clock.monotonic(), 0, None
            try:
                status, retry_after = self._ask_once(connection, token)
            except (OSError, http.client.HTTPException):
                connection.close()
            self.asked.append(Asked(token, began, clock.monotonic(), status, retry_after))
        with suppress(OSError):
            connection.close()

    def _ask_once(self, connection: http.client.HTTPConnection, token: str) -> tuple[int, str | None]:
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        connection.request("POST", f"/ws/{self._slug}", self._body, headers)
        response = connection.getresponse()
        response.read()
        return response.status, response.getheader("Retry-After")
