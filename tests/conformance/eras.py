"""What a server answers to clients of the other era, so that the fixture can be one that knows a single era.

Rule: the era is told by the header MCP-Protocol-Version alone, as the official package tells it; what passes is left
as it is. A legacy server knows nothing of 2026-07-28 and refuses as the TypeScript SDK 1.x does; a modern one refuses
as MCP 2026-07-28 basic/transports/streamable-http §Server Validation wants it.
"""

from typing import Any, Literal, get_args

from mcp_types import HEADER_MISMATCH, UNSUPPORTED_PROTOCOL_VERSION
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS, MODERN_PROTOCOL_VERSIONS
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

Era = Literal["both", "legacy", "modern"]
ERAS: tuple[Era, ...] = get_args(Era)


def only(era: Era, server: ASGIApp) -> ASGIApp:
    """The server as a client finds it that knows `era` only."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(era, scope) if scope["type"] == "http" else None
        await (refusal or server)(scope, receive, send)

    return answer


def _refusal(era: Era, scope: Scope) -> Response | None:
    version = dict(scope["headers"]).get(b"mcp-protocol-version", b"").decode("latin-1")
    if era == "legacy" and version not in ("", *HANDSHAKE_PROTOCOL_VERSIONS):
        return _error(-32000, f"Bad Request: Unsupported protocol version: {version}")
    if era == "modern" and scope["method"] != "POST":
        return Response(status_code=405, headers={"Allow": "POST"})
    if era == "modern" and not version:
        return _error(HEADER_MISMATCH, "The header MCP-Protocol-Version is missing")
    if era == "modern" and version in HANDSHAKE_PROTOCOL_VERSIONS:
        told = {"supported": list(MODERN_PROTOCOL_VERSIONS), "requested": version}
        return _error(UNSUPPORTED_PROTOCOL_VERSION, "Unsupported protocol version", told)
    return None


def _error(code: int, message: str, told: dict[str, Any] | None = None) -> Response:
    error = {"code": code, "message": message} | ({"data": told} if told else {})
    return JSONResponse({"jsonrpc": "2.0", "id": None, "error": error}, status_code=400)
