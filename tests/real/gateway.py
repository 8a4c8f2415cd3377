"""A real gateway for tests: `python -m gateway` as it is deployed, on a free port of loopback.

Rule: it dies with the tests, and a test that fails finds its log beside it.
"""

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.ports import free_port
from tests.real.processes import RealProcess, children_of


@dataclass(frozen=True, slots=True)
class Answer:
    """`body` parsed where it is JSON, else the text."""

    status: int
    headers: Mapping[str, str]
    body: Any


class RealGateway(RealProcess):
    def __init__(self, directory: Path, variables: Mapping[str, str], *, processes: int = 1) -> None:
        self.port = free_port()
        own = {
            "STOA_GATEWAY_URL": self.url,
            "STOA_ALLOW_PRIVATE_UPSTREAMS": "127.0.0.0/8",
            "WEB_CONCURRENCY": str(processes),
            "PORT": str(self.port),
        }
        command = [sys.executable, "-m", "gateway"]
        super().__init__(command, own | dict(variables), directory / f"gateway-{self.port}.log", f"{self.url}/healthz")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def worker_pids(self) -> list[int]:
        """The processes that serve: the supervisor's children, or the only process itself."""
        if self.process is None:
            return []
        return children_of(self.process.pid) or [self.process.pid]

    def post(
        self, slug: str, token: str, message: Any, headers: Mapping[str, str] | None = None, timeout: float = 30.0
    ) -> Answer:
        """One JSON-RPC message to a workspace, as a legacy client sends it unless the headers say more."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        return self.send(
            "POST",
            f"/ws/{slug}",
            body,
            {
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "Accept": "application/json, text/event-stream",
                **(headers or {}),
            },
            timeout,
        )

    def send(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=dict(headers or {}))
        try:
            with urllib.request.urlopen(request, timeout=timeout) as response:
                return _read(response.status, response.headers, response.read())
        except urllib.error.HTTPError as error:
            with error:
                return _read(error.code, error.headers, error.read())


def _read(status: int, headers: Any, raw: bytes) -> Answer:
    lowered = {name.lower(): value for name, value in headers.items()}
    text = raw.decode()
    is_json = lowered.get("content-type", "").startswith("application/json")
    return Answer(status, lowered, json.loads(text) if is_json else text)
