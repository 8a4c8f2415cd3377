"""The two eras of MCP: requests in each, and how to tell them apart.

Rule: pure. Modern is revision 2026-07-28 (no session, `_meta` and Mcp-* headers on each request,
`server/discover`); legacy is the four revisions that begin with `initialize`. Only an answer that
says so decides an era; a refusal or a fault decides nothing.
"""

import base64
import re
from collections.abc import Mapping
from enum import StrEnum

import msgspec

MODERN_VERSION = "2026-07-28"
LEGACY_VERSIONS = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
VERSIONS_WITH_HEADER = frozenset(LEGACY_VERSIONS[:2])  # MCP 2025-06-18 basic/transports §Protocol Version Header

# MCP 2026-07-28 basic/index §Error Codes: only a modern server knows these.
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
MODERN_CODES = frozenset({HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION})

# Errors about the request itself: whoever answers with one has looked at it.
REQUEST_CODES = frozenset({-32601, -32602})

RESERVED_META = "io.modelcontextprotocol/"
META_VERSION = RESERVED_META + "protocolVersion"
META_CLIENT = RESERVED_META + "clientInfo"
META_CAPABILITIES = RESERVED_META + "clientCapabilities"
META_SERVER = RESERVED_META + "serverInfo"
META_LOG_LEVEL = RESERVED_META + "logLevel"
META_SUBSCRIPTION = RESERVED_META + "subscriptionId"

_SAFE_VALUE = re.compile(r"[\x20-\x7e]*")
_SENTINEL = re.compile(r"=\?base64\?.*\?=")
_VERSION_JSON = msgspec.Raw(msgspec.json.encode(MODERN_VERSION))
_NO_CAPABILITIES = msgspec.Raw(b"{}")


class Era(StrEnum):
    MODERN = "modern"
    LEGACY = "legacy"


class Discovery(StrEnum):
    """What the answer to `server/discover` tells."""

    MODERN = "modern"
    LEGACY = "legacy"  # it plainly does not know the method
    UNDECIDED = "undecided"  # a fault of the moment: asking `initialize` may still tell


def render_header_value(value: str) -> str:
    """A name or URI as Mcp-Name carries it (MCP 2026-07-28 basic/transports/streamable-http §Request Metadata)."""
    if _SAFE_VALUE.fullmatch(value) and value == value.strip() and not _SENTINEL.fullmatch(value):
        return value
    return f"=?base64?{base64.b64encode(value.encode()).decode()}?="


def modern_meta(
    meta: Mapping[str, msgspec.Raw] | None, client: msgspec.Raw, capabilities: bytes | None
) -> dict[str, msgspec.Raw]:
    """The caller's `_meta` with the three entries that a modern request must carry."""
    return {
        **(meta or {}),
        META_VERSION: _VERSION_JSON,
        META_CLIENT: client,
        META_CAPABILITIES: msgspec.Raw(capabilities) if capabilities else _NO_CAPABILITIES,
    }


def legacy_meta(meta: Mapping[str, msgspec.Raw] | None) -> dict[str, msgspec.Raw]:
    """The caller's `_meta` without what only the modern era knows."""
    return {key: value for key, value in (meta or {}).items() if not key.startswith(RESERVED_META)}


class _Error(msgspec.Struct):
    code: int = 0
    message: str = ""
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Discovered(msgspec.Struct):
    supportedVersions: list[str] | None = None


class _Answer(msgspec.Struct):
    result: _Discovered | None = None
    error: _Error | None = None


class _Supported(msgspec.Struct):
    supported: list[str] = []


def judge_discovery(status: int, body: bytes) -> Discovery:
    """The era that an answer to `server/discover` proves.

    MCP 2026-07-28 basic/versioning: a 400 is looked into; 401, 403, 429 never come here.
    """
    if status >= 500 or status == 408:
        return Discovery.UNDECIDED
    try:
        answer = msgspec.json.decode(body, type=_Answer)
    except (msgspec.DecodeError, RecursionError):
        return Discovery.LEGACY
    if answer.error is not None and answer.error.code in MODERN_CODES:
        return Discovery.MODERN if _supports_modern(answer.error) else Discovery.LEGACY
    if answer.result is not None and MODERN_VERSION in (answer.result.supportedVersions or ()):
        return Discovery.MODERN
    return Discovery.LEGACY


def error_code(message: Mapping[str, msgspec.Raw]) -> int | None:
    """The code of an error answer; None for a result, and for an error without one."""
    try:
        return msgspec.json.decode(message["error"], type=_Error).code if "error" in message else None
    except msgspec.DecodeError:
        return None


def _supports_modern(error: _Error) -> bool:
    """A server of another modern revision may still know the handshake: then it is spoken to in that."""
    if error.code != UNSUPPORTED_VERSION:
        return True
    try:
        return MODERN_VERSION in msgspec.json.decode(error.data, type=_Supported).supported
    except msgspec.DecodeError:
        return True
