"""What a FakeUpstream answers unscripted: as the protocol says.

Rule: as strict as a real server: sessions, headers that must agree with the body, ids echoed.
"""

import json

from upstream.eras import (
    HEADER_MISMATCH,
    META_SERVER,
    META_VERSION,
    MODERN_VERSION,
    UNSUPPORTED_VERSION,
    render_header_value,
)
from upstream.fake_turns import Json, Turn

_NAMED = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}
# MCP 2026-07-28 server/utilities/caching: these say for how long they hold.
_CACHEABLE = frozenset(
    {"prompts/list", "resources/list", "resources/read", "resources/templates/list", "server/discover", "tools/list"}
)


def honest(turn: Turn) -> None:
    """Answer as the protocol says."""
    server, request = turn.server, turn.request
    meta = request.params.get("_meta") or {}
    if request.verb == "DELETE":
        server.end_session(turn.session)
        turn.answer(b"", 204)
    elif request.verb == "GET" and "last-event-id" in request.headers:
        server.polls.go_on(turn)
    elif request.verb == "GET" and server.is_live and server.era != "modern":
        _open_stream(turn)
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
        turn.respond(result={"resultType": "complete", **turn.server.freshness, **result})
    elif request.method == "subscriptions/listen" and turn.server.is_live:
        turn.server.live.listen(turn)
    elif (act := turn.server.act_of_tool(turn)) is not None:
        act(turn)
    elif (result := _result_of(turn)) is None:
        turn.refuse(404, -32601, "no such method")
    else:
        hints = turn.server.freshness if request.method in _CACHEABLE else {}
        _deliver(turn, {"resultType": "complete", **hints, **result})


def _answer_legacy(turn: Turn) -> None:
    server, request = turn.server, turn.request
    if request.method == "initialize":
        result = {
            "protocolVersion": server.legacy_version,
            "capabilities": server.capabilities,
            "serverInfo": {"name": "fake", "version": "1"},
            "instructions": "Echo things.",
        }
        turn.respond(result=result, session=server.open_session(request.params.get("capabilities") or {}))
    elif _lacks_session(turn):
        return
    elif "id" not in request.message or "method" not in request.message:
        server.live.take(turn)
        turn.answer(b"", 202)
    elif (act := server.act_of_tool(turn)) is not None:
        act(turn)
    elif (result := _result_of(turn)) is None:
        turn.refuse(200, -32601, "no such method")
    else:
        _deliver(turn, result)


def _lacks_session(turn: Turn) -> bool:
    """Refused then."""
    if not turn.server.keeps_sessions or turn.session in turn.server.sessions:
        return False
    if turn.session:
        turn.refuse(404, -32001, "no such session")
    else:
        turn.refuse(400, -32600, "no session")
    return True


def _open_stream(turn: Turn) -> None:
    if not _lacks_session(turn):
        turn.server.live.listen(turn)


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
    return _result_in_session(turn) if not turn.is_modern else None


def _result_in_session(turn: Turn) -> Json | None:
    """What only the legacy era has, because it has sessions."""
    server, params, method = turn.server, turn.request.params, turn.request.method
    if method == "ping":
        return {}
    if method == "logging/setLevel" and "logging" in server.capabilities:
        server.levels[turn.session] = params["level"]
        return {}
    uris = server.live.subscriptions.setdefault(turn.session, set())
    if method == "resources/subscribe" and server.is_live:
        uris.add(params["uri"])
        return {}
    if method == "resources/unsubscribe" and server.is_live:
        uris.discard(params["uri"])
        return {}
    return None


def _deliver(turn: Turn, result: Json) -> None:
    if not turn.server.streams:
        turn.respond(result=result)
        return
    turn.begin_stream()
    turn.write_message({"id": turn.request.message["id"], "result": result})
    turn.end_stream()
