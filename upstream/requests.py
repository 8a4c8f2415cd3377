"""Requests to a server as bytes: head and body in one piece.

Rule: pure. What does not change from call to call is rendered once per session; params and
`_meta` are encoded around raw JSON, so that a caller's arguments leave byte for byte as they came.
"""

import itertools
import secrets
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache

import msgspec

from upstream.eras import MODERN_VERSION, VERSIONS_WITH_HEADER, legacy_meta, modern_meta, render_header_value
from upstream.target import Place, Target, render_headers

Message = dict[str, msgspec.Raw]

# A session may be shared with other processes, and outlive this one.
_PROCESS = secrets.token_hex(4)
_ids = itertools.count(1)
_encode = msgspec.json.Encoder().encode
_EMPTY = msgspec.Raw(b"{}")
# The methods whose `name` or `uri` the header Mcp-Name repeats, and where the params have it.
_COMMON_NAME = 256  # longer ones are not worth their memory
_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


def new_request_id() -> str:
    """Unique among all processes: ids of clients collide, so none of theirs goes upstream."""
    return f"{_PROCESS}-{next(_ids)}"


class Phrasebook:
    """How requests to one target begin, whatever the era."""

    def __init__(self, target: Target, place: Place, client_name: str, client_version: str):
        self.client = msgspec.Raw(_encode({"name": client_name, "version": client_version}))
        self._line = f" {place.path} HTTP/1.1\r\nHost: {place.authority}\r\n".encode()
        self._common = render_headers(target.headers)
        if b"user-agent:" not in self._common.lower():
            self._common += f"User-Agent: {client_name}/{client_version}\r\n".encode("latin-1", "replace")

    def post_head(self, version: str | None, session_id: str | None) -> bytes:
        """Up to and with the name of the last header, Content-Length."""
        head = b"POST" + self._line + self._common
        head += b"Accept: application/json, text/event-stream\r\nAccept-Encoding: identity\r\n"
        head += b"Content-Type: application/json\r\n" + _session_lines(version, session_id)
        return head + b"Content-Length: "

    def get(self, version: str, session_id: str | None, last_event_id: bytes = b"") -> bytes:
        """Opens the stream on which a legacy server speaks of its own accord, or goes on with the one of that event."""
        head = b"GET" + self._line + self._common + b"Accept: text/event-stream\r\nAccept-Encoding: identity\r\n"
        resumed = b"Last-Event-ID: " + last_event_id + b"\r\n" if last_event_id else b""
        return head + _session_lines(version, session_id) + resumed + b"\r\n"

    def delete(self, version: str, session_id: str) -> bytes:
        return (
            b"DELETE" + self._line + self._common + _session_lines(version, session_id) + b"Content-Length: 0\r\n\r\n"
        )


def _session_lines(version: str | None, session_id: str | None) -> bytes:
    lines = f"MCP-Protocol-Version: {version}\r\n" if version in VERSIONS_WITH_HEADER | {MODERN_VERSION} else ""
    if session_id is not None:
        lines += f"Mcp-Session-Id: {session_id}\r\n"
    return lines.encode()


def render_post(head: bytes, body: bytes, extra: bytes = b"") -> bytes:
    """A whole request; `extra` are header lines for this one alone."""
    return b"%b%d\r\n%b\r\n%b" % (head, len(body), extra, body)


def render_legacy(request_id: str, method: str, params: Mapping[str, msgspec.Raw], meta: Message | None) -> bytes:
    return _render_body(request_id, method, params, legacy_meta(meta) if meta else None)


def render_modern(
    request_id: str,
    method: str,
    params: Mapping[str, msgspec.Raw],
    meta: Message | None,
    client: msgspec.Raw,
    capabilities: bytes | None,
) -> bytes:
    return _render_body(request_id, method, params, modern_meta(meta, client, capabilities))


def modern_lines(method: str, params: Mapping[str, msgspec.Raw], name: str | None) -> bytes:
    """Mcp-Method and, where the method has one, Mcp-Name."""
    key = _NAMED.get(method)
    if key is not None and name is None and key in params:
        with suppress(msgspec.DecodeError):  # no text: the server says so better than we could
            name = msgspec.json.decode(params[key], type=str)
    is_common = name is None or len(name) <= _COMMON_NAME
    return _render_lines(method, name) if is_common else _render_lines.__wrapped__(method, name)


@lru_cache(maxsize=4096)  # the same few tools are called again and again
def _render_lines(method: str, name: str | None) -> bytes:
    lines = f"Mcp-Method: {render_header_value(method)}\r\n"
    if name is not None:
        lines += f"Mcp-Name: {render_header_value(name)}\r\n"
    return lines.encode()


def param_lines(mirrored: Mapping[str, str]) -> bytes:
    """Mcp-Param-*: arguments that the tool's schema wants in a header too, by the names that it gives them."""
    return "".join(f"Mcp-Param-{name}: {render_header_value(value)}\r\n" for name, value in mirrored.items()).encode()


def _render_body(
    request_id: str, method: str, params: Mapping[str, msgspec.Raw], meta: Mapping[str, msgspec.Raw] | None
) -> bytes:
    if method == "tools/call" and "arguments" not in params:
        params = {**params, "arguments": _EMPTY}  # servers on the TypeScript SDK 1.x refuse a call without
    if meta or "_meta" in params:
        params = {key: value for key, value in params.items() if key != "_meta"}
        if meta:
            params["_meta"] = msgspec.Raw(_encode(meta))
    return _encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})


def render_response(request_id: msgspec.Raw, outcome: Mapping[str, msgspec.Raw]) -> bytes:
    """The answer to a request of the server's; `outcome` is its `result` or its `error`."""
    return _encode({"jsonrpc": "2.0", "id": request_id, **outcome})


def render_notification(method: str, params: Mapping[str, object] | None = None) -> bytes:
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method}
    if params is not None:
        message["params"] = params
    return _encode(message)
