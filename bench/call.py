"""One tools/call as a client of either era sends it, and what is right.

Rule: an answer counts only when it echoes the id and the argument of its own request.
"""

import http.client
import json
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

from bench import Wrong

LEGACY, MODERN = "legacy", "modern"
VERSIONS = {LEGACY: "2025-11-25", MODERN: "2026-07-28"}

# The whole body has about 200 bytes in the legacy form.
ARGUMENT = "The quick brown fox jumps over the lazy dog, and then once more, for it was fun."


@dataclass(frozen=True, slots=True)
class Call:
    """A call of `tool` at `url` by a client of `era`; `mcp_session` is what a legacy server asks to be sent back."""

    url: str
    era: str
    tool: str
    token: str = ""
    mcp_session: str = ""

    @property
    def headers(self) -> dict[str, str]:
        headers = {
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": VERSIONS[self.era],
        }
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        if self.mcp_session:
            headers["Mcp-Session-Id"] = self.mcp_session
        if self.era == MODERN:
            headers |= {"Mcp-Method": "tools/call", "Mcp-Name": self.tool}
        return headers

    def body(self, number: int = 1, text: str = ARGUMENT) -> bytes:
        params: dict[str, object] = {"name": self.tool, "arguments": {"text": text}}
        if self.era == MODERN:
            params["_meta"] = {
                "io.modelcontextprotocol/protocolVersion": VERSIONS[MODERN],
                "io.modelcontextprotocol/clientCapabilities": {},
            }
        message = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
        return json.dumps(message, separators=(",", ":")).encode()

    def require_right(self, number: int) -> None:
        """Make one call and look at its answer. Raises Wrong when it is not the right one."""
        text = f"{ARGUMENT} ({number})"
        status, _, answer = _post(self.url, self.body(number, text), self.headers)
        result = answer.get("result") or {}
        if status != 200 or answer.get("id") != number or result.get("isError"):
            raise Wrong(f"{self.url} answered {status} {answer}")
        if result.get("content") != [{"type": "text", "text": text}]:
            raise Wrong(f"{self.url} did not echo its argument: {answer}")
        if self.era == MODERN and result.get("resultType") != "complete":
            raise Wrong(f"{self.url} did not answer in the modern form: {answer}")

    def opened(self) -> "Call":
        """The same call after the handshake of its era, if that has one."""
        if self.era == MODERN:
            return self
        client = {"name": "bench", "version": "1"}
        params = {"protocolVersion": VERSIONS[LEGACY], "capabilities": {}, "clientInfo": client}
        message = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
        status, headers, answer = _post(self.url, json.dumps(message).encode(), self.headers)
        if status != 200 or "result" not in answer:
            raise Wrong(f"{self.url} answered the handshake with {status} {answer}")
        return replace(self, mcp_session=headers.get("Mcp-Session-Id") or "")


def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, Message, dict[str, Any]]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)  # the slowest takes 0.1 s
    try:
        connection.request("POST", parts.path, body, headers)
        response = connection.getresponse()
        said = response.read()
    finally:
        connection.close()
    try:
        return response.status, response.headers, json.loads(said)
    except ValueError:
        raise Wrong(f"{url} answered {response.status} {said[:200]!r}") from None
