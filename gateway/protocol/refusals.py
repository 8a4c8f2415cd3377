"""Refusals: every way in which the gateway itself says no.

Rule: our own conditions take codes `-31xxx` with the HTTP status in the last three digits; only the rate limit
is `-32000`, as clients know it. The protocol's own errors keep the protocol's codes (MCP 2026-07-28 basic, §Errors).
"""

from typing import Any

import msgspec

from upstream.eras import Era

Headers = tuple[tuple[str, str], ...]

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
INTERNAL_ERROR = -32603
RATE_LIMITED = -32000
RESOURCE_NOT_FOUND = -32002
UPSTREAM_FAILED = -31502


class Refusal(Exception):
    """`outcome` is what the call's record says, where there is a record: refused, upstream_error or cut."""

    def __init__(
        self,
        status: int,
        code: int,
        message: str,
        *,
        data: dict[str, Any] | None = None,
        headers: Headers = (),
        decision: str = "",
        outcome: str = "refused",
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.data = data
        self.headers = headers
        self.decision = decision
        self.outcome = outcome

    def body(self, request_id: bytes = b"null") -> bytes:
        """The JSON-RPC error for the request whose id is given as JSON."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return b'{"jsonrpc":"2.0","id":' + request_id + b',"error":' + msgspec.json.encode(error) + b"}"


def bad_request(message: str, code: int = INVALID_REQUEST, data: dict[str, Any] | None = None) -> Refusal:
    return Refusal(400, code, message, data=data, decision="malformed")


def unauthorized() -> Refusal:
    """One answer for every reason, so that nobody learns which tokens or workspaces exist."""
    return Refusal(
        401,
        -31401,
        "This token opens nothing here: it is unknown, revoked, expired or of another workspace. "
        "Create a token in the workspace's portal and put it in the client's Authorization header.",
        # No resource_metadata: a client that finds OAuth discovery ignores the configured header.
        headers=(("WWW-Authenticate", 'Bearer realm="stoa", error="invalid_token"'),),
        decision="unauthorized",
    )


def missing_token() -> Refusal:
    return Refusal(
        401,
        -31401,
        "Send the workspace's token in the header: Authorization: Bearer mwt_…",
        headers=(("WWW-Authenticate", 'Bearer realm="stoa"'),),
        decision="unauthorized",
    )


def no_such_resource(uri: str, suffix: str, era: Era) -> Refusal:
    """The legacy era has a code of its own for it, which the modern one forbids."""
    code = RESOURCE_NOT_FOUND if era is Era.LEGACY else INVALID_PARAMS
    message = f"There is no resource {uri[:200]!r} in this workspace.{suffix}"
    return Refusal(200, code, message, data={"uri": uri}, decision="unknown_resource")


def no_mcp_session(what: str) -> Refusal:
    return bad_request(f"{what} need a session: initialize first, and send the Mcp-Session-Id that comes back.")


def mcp_session_unknown() -> Refusal:
    """MCP 2025-11-25 basic/transports, §Session Management: the client then begins another."""
    reason = "This session is not known here: it has ended, has expired or is another token's. Initialize again."
    return Refusal(404, -31404, reason, decision="no_session")


def no_longer_parked() -> Refusal:
    """A client comes back with its answer (MCP 2026-07-28 basic/patterns/mrtr), and nobody waits for it."""
    reason = (
        "The server's question is no longer open: it was answered before, was given up, or its server has gone. "
        "Send the request again without requestState."
    )
    return Refusal(200, INVALID_PARAMS, reason, decision="not_parked")


def unavailable(message: str, retry_after: int = 1, decision: str = "unavailable") -> Refusal:
    return Refusal(503, -31503, message, headers=(("Retry-After", str(retry_after)),), decision=decision)


def rate_limited(retry_after: int, limit: int, remaining: int, window: int) -> Refusal:
    """`retry_after` and `window` in seconds."""
    return Refusal(
        429,
        RATE_LIMITED,
        "Rate limit exceeded",
        data={"retryAfter": retry_after},
        headers=(
            ("Retry-After", str(retry_after)),
            ("RateLimit", f'"token";r={remaining};t={retry_after}'),
            ("RateLimit-Policy", f'"token";q={limit};w={window}'),
        ),
        decision="rate_limit",
    )


def too_large_together() -> Refusal:
    return Refusal(200, -31413, "The answers of this batch are too large together. Send this request by itself.")


def too_busy(message: str) -> Refusal:
    """A cap on what one token may have open at once; nothing was counted."""
    return Refusal(429, -31429, message, headers=(("Retry-After", "1"),), decision="concurrency")
