"""The two eras of MCP, and which one a request speaks.

Rule: decided per request, from what it carries: `params._meta` with a protocol version, or a version header that
is none of the handshake revisions, is modern (2026-07-28); everything else is of the handshake era.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from gateway.protocol import headers
from gateway.protocol.jsonrpc import MAX_ID_BYTES, Batch, Members, Message, decode_members, decode_string, is_id
from gateway.protocol.methods import NAMED_BY
from gateway.protocol.refusals import INVALID_PARAMS, bad_request
from upstream.eras import (
    LEGACY_VERSIONS,
    META_CAPABILITIES,
    META_VERSION,
    MODERN_VERSION,
    RESERVED_META,
    UNSUPPORTED_VERSION,
    Era,
)

ASSUMED_VERSION = "2025-03-26"
MODERN_VERSIONS = (MODERN_VERSION,)
BATCH_VERSIONS = ("2025-03-26", "2024-11-05")

# A name or URI is looked up, matched and sent as a header: no real one is longer.
MAX_NAME = 4096

# Members of `_meta` that concern one request's stream.
PROGRESS_TOKEN = "progressToken"  # noqa: S105 - a member's name, no credential
LOG_LEVEL = RESERVED_META + "logLevel"


class Spoken(NamedTuple):
    """How a request speaks: its era, its revision, and its `_meta` (None when it has none)."""

    era: Era
    version: str
    meta: Members | None


def parse_spoken(message: Message, environ: Mapping[str, Any]) -> Spoken:
    """Decide the era, and hold the request to that era's rules about versions and headers.

    The order of the refusals is that of MCP 2026-07-28 basic/transports, §Server Validation.
    """
    version_header = environ.get("HTTP_MCP_PROTOCOL_VERSION")
    meta = read_meta(message)
    modern = (meta is not None and META_VERSION in meta) or (
        version_header is not None and version_header.strip() not in LEGACY_VERSIONS
    )
    if not modern:
        return Spoken(Era.LEGACY, version_header.strip() if version_header else ASSUMED_VERSION, meta)
    if message.id is None:
        return Spoken(Era.MODERN, MODERN_VERSION, meta)
    headers.require_single(environ["stoa.headers"])
    return Spoken(Era.MODERN, _require_modern(message, environ, version_header, meta), meta)


def require_legacy(posted: object, environ: Mapping[str, Any]) -> Spoken:
    """How an answer of a client's or a batch speaks: the modern era has neither."""
    header = environ.get("HTTP_MCP_PROTOCOL_VERSION", ASSUMED_VERSION).strip()
    if header not in LEGACY_VERSIONS:
        raise bad_request("Send one JSON-RPC request per POST: this protocol version has no other messages.")
    if isinstance(posted, Batch):
        require_batches(header)
    return Spoken(Era.LEGACY, header, None)


def require_batches(version: str) -> None:
    if version not in BATCH_VERSIONS:
        raise bad_request(f"Protocol version {version} has no batches: send one JSON-RPC request per POST.")


def _require_modern(
    message: Message, environ: Mapping[str, Any], version_header: str | None, meta: Members | None
) -> str:
    if meta is None or META_VERSION not in meta or META_CAPABILITIES not in meta:
        raise bad_request(f"params._meta must carry {META_VERSION} and {META_CAPABILITIES}.", INVALID_PARAMS)
    try:
        version = decode_string(meta[META_VERSION])
        decode_members(meta[META_CAPABILITIES])
    except (msgspec.MsgspecError, RecursionError):
        raise bad_request(
            "The protocol version must be a string, the capabilities an object.", INVALID_PARAMS
        ) from None
    headers.require_equal("MCP-Protocol-Version", version_header, version)
    headers.require_equal("Mcp-Method", environ.get("HTTP_MCP_METHOD"), message.method)
    member = NAMED_BY.get(message.method)
    if member is not None:
        headers.require_equal("Mcp-Name", environ.get("HTTP_MCP_NAME"), require_text(message.params, member))
    if version not in MODERN_VERSIONS:
        raise bad_request(
            f"Protocol version {version[:40]} is not supported.",
            UNSUPPORTED_VERSION,
            {"supported": list(MODERN_VERSIONS), "requested": version[:40]},
        )
    return version


def agreed_version(message: Message) -> str:
    """The revision that an `initialize` asks for, or else the latest that has a handshake."""
    try:
        requested = decode_string(message.params.get("protocolVersion", Raw(b"null")))
    except msgspec.MsgspecError:
        raise bad_request('"params.protocolVersion" must be a string.', INVALID_PARAMS) from None
    return requested if requested in LEGACY_VERSIONS else LEGACY_VERSIONS[0]


def find_log_level(meta: Members) -> str:
    """From which level on a modern request wants log messages; '' when it wants none."""
    try:
        return decode_string(meta[LOG_LEVEL]) if LOG_LEVEL in meta else ""
    except msgspec.MsgspecError:
        return ""


def require_text(params: Members, member: str) -> str:
    """A parameter that must be a string, neither empty nor endless."""
    try:
        text = decode_string(params[member])
    except (KeyError, msgspec.MsgspecError):
        text = ""
    if not 0 < len(text) <= MAX_NAME:
        reason = f'"params.{member}" must be a string of 1 to {MAX_NAME} characters.'
        raise bad_request(reason, INVALID_PARAMS)
    return text


def read_meta(message: Message) -> Members | None:
    """The `_meta` of a request. Its progress token comes back with every event, so it is held to be short."""
    raw = message.params.get("_meta")
    if raw is None:
        return None
    try:
        meta = decode_members(raw)
    except (msgspec.MsgspecError, RecursionError):
        raise bad_request('"params._meta" must be an object.', INVALID_PARAMS) from None
    if PROGRESS_TOKEN in meta and not is_id(meta[PROGRESS_TOKEN]):
        reason = f"The progress token must be a string or a whole number, of at most {MAX_ID_BYTES} bytes."
        raise bad_request(reason, INVALID_PARAMS)
    return meta
