"""Clients that speak MCP by hand, each request on a connection of its own: a gateway's processes take them in turn.

Rule: nothing is interpreted: what arrives is kept as it came, so that a test can say exactly what it expects.
"""

import http.client
import json
import threading
from collections.abc import Mapping
from typing import Any, Self

from common import clock
from tests.real.gateway import RealGateway
from tests.waiting import until
from upstream.eras import META_CAPABILITIES, META_VERSION, MODERN_VERSION

Json = dict[str, Any]
_NAMED_BY = ("name", "uri")


class Exchange(threading.Thread):
    """A request, and what has arrived of its answer so far: `messages` of a stream, or the one of a JSON body."""

    def __init__(
        self, gateway: RealGateway, method: str, path: str, headers: Mapping[str, str], body: Any = None
    ) -> None:
        super().__init__(daemon=True)
        self._gateway = gateway
        self._request = method, path, None if body is None else json.dumps(body), dict(headers)
        self._connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=30)
        self.status = 0
        self.headers: dict[str, str] = {}
        self.messages: list[Any] = []
        self.comments = 0
        self.ended = 0.0

    def run(self) -> None:
        try:
            self._connection.request(*self._request)
            response = self._connection.getresponse()
            self.headers = {name.lower(): value for name, value in response.getheaders()}
            self.status = response.status
            if self.is_stream:
                self._read_events(response)
            elif body := response.read():
                self.messages.append(json.loads(body))
        except (OSError, http.client.HTTPException, AttributeError, ValueError):
            pass  # left: by us, or cut by the gateway; what had arrived is what counts
        finally:
            self._connection.close()
        self.ended = clock.monotonic()

    def _read_events(self, response: http.client.HTTPResponse) -> None:
        rest = b""
        while piece := response.read1(65536):
            *events, rest = (rest + piece).split(b"\n\n")
            for event in events:
                if event.startswith(b"data: "):
                    self.messages.append(json.loads(event.removeprefix(b"data: ")))
                else:
                    self.comments += 1

    @property
    def is_stream(self) -> bool:
        return self.headers.get("content-type") == "text/event-stream"

    def begin(self) -> Self:
        self.start()
        return self

    def wait(self, seconds: float = 15) -> Any:
        """The last message, once all has arrived."""
        self.join(seconds)
        assert not self.is_alive(), f"no end of the answer; so far: {self.messages}"
        return self.messages[-1] if self.messages else None

    def wait_for(self, method: str, count: int = 1) -> list[Json]:
        """The messages of a method, once there are so many."""
        until(lambda: len(self.of(method)) >= count or not self.is_alive())
        found = self.of(method)
        assert len(found) >= count, f"instead: {self.status} {self.messages}"
        return found

    def after(self, count: int) -> Json | None:
        """The message with an id that follows so many of them, once it is there; None when nothing more comes."""
        until(lambda: len(self._with_ids()) > count or not self.is_alive())
        found = self._with_ids()
        return found[count] if len(found) > count else None

    def _with_ids(self) -> list[Json]:
        return [message for message in list(self.messages) if "id" in message]

    def of(self, method: str) -> list[Json]:
        return [message for message in list(self.messages) if message.get("method") == method]

    def leave(self) -> None:
        """As a client does that goes away: the connection is closed."""
        self._connection.sock.shutdown(2)
        self._connection.close()


class Speaker:
    """What both eras have in common."""

    def __init__(self, gateway: RealGateway, slug: str, token: str) -> None:
        self.gateway = gateway
        self.path = f"/ws/{slug}"
        self.headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }

    def send(self, method: str, body: Any = None, **headers: str) -> Exchange:
        return Exchange(self.gateway, method, self.path, {**self.headers, **headers}, body).begin()


class LegacySpeaker(Speaker):
    """A client with a session, once it has begun one."""

    def begin(self, capabilities: Json | None = None, version: str = "2025-11-25") -> Self:
        params = {
            "protocolVersion": version,
            "capabilities": capabilities or {},
            "clientInfo": {"name": "speaker", "version": "1"},
        }
        opened = self.request("initialize", params)
        self.opened = opened.wait()
        self.headers["Mcp-Session-Id"] = opened.headers["mcp-session-id"]
        self.headers["MCP-Protocol-Version"] = self.opened["result"]["protocolVersion"]
        self.notify("notifications/initialized")
        return self

    @property
    def session(self) -> str:
        return self.headers["Mcp-Session-Id"]

    def request(self, method: str, params: Json | None = None, *, id: Any = 1) -> Exchange:
        message = {"jsonrpc": "2.0", "id": id, "method": method, **({} if params is None else {"params": params})}
        return self.send("POST", message)

    def call(self, name: str, arguments: Json | None = None, *, id: Any = 1, **meta: Any) -> Exchange:
        params: Json = {"name": name, "arguments": arguments or {}}
        return self.request("tools/call", params | ({"_meta": meta} if meta else {}), id=id)

    def notify(self, method: str, params: Json | None = None) -> None:
        said = self.send("POST", {"jsonrpc": "2.0", "method": method, "params": params or {}})
        said.wait()
        assert said.status == 202, said.messages

    def reply(self, asked: Json, **outcome: Any) -> Exchange:
        """Answer a request of the server's with `result` or `error`."""
        said = self.send("POST", {"jsonrpc": "2.0", "id": asked["id"], **outcome})
        said.wait()
        return said

    def listen(self) -> Exchange:
        return self.send("GET", Accept="text/event-stream")

    def end(self) -> Exchange:
        said = self.send("DELETE")
        said.wait()
        return said


class ModernSpeaker(Speaker):
    """A client of 2026-07-28: all that it can do is said with each request."""

    def __init__(self, gateway: RealGateway, slug: str, token: str, capabilities: Json | None = None) -> None:
        super().__init__(gateway, slug, token)
        self.capabilities = capabilities or {}

    def request(self, method: str, params: Json | None = None, *, id: Any = 1, **meta: Any) -> Exchange:
        params = dict(params or {})
        params["_meta"] = {META_VERSION: MODERN_VERSION, META_CAPABILITIES: self.capabilities, **meta}
        mirrored = {"MCP-Protocol-Version": MODERN_VERSION, "Mcp-Method": method}
        if method in ("tools/call", "prompts/get", "resources/read"):
            mirrored["Mcp-Name"] = next(params[member] for member in _NAMED_BY if member in params)
        return self.send("POST", {"jsonrpc": "2.0", "id": id, "method": method, "params": params}, **mirrored)

    def call(self, name: str, arguments: Json | None = None, *, id: Any = 1, **more: Any) -> Exchange:
        """`more`: further params, as `inputResponses` and `requestState`."""
        return self.request("tools/call", {"name": name, "arguments": arguments or {}, **more}, id=id)
