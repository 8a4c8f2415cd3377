"""The headers that mirror a modern request's body.

Rule: a header and the member it mirrors are equal after OWS trim and sentinel decoding, or the request is refused.
"""

import base64
import binascii

from gateway.protocol.refusals import Refusal, bad_request
from upstream.eras import HEADER_MISMATCH

RawHeaders = list[tuple[bytes, bytes]]

# What a stream of events begins with: no proxy on the way is to keep it back, or to change it.
EVENT_HEADERS = (
    ("Content-Type", "text/event-stream"),
    ("Cache-Control", "no-cache, no-transform"),
    ("X-Accel-Buffering", "no"),
)

_SENTINEL_START, _SENTINEL_END = "=?base64?", "?="
_MIRRORING = frozenset((b"mcp-protocol-version", b"mcp-method", b"mcp-name"))


def decode_value(value: str) -> str | None:
    """The text that a header value stands for; None when it claims to be base64 and is not canonical UTF-8 of it."""
    value = value.strip(" \t")
    if not (value.startswith(_SENTINEL_START) and value.endswith(_SENTINEL_END)):
        return value
    encoded = value[len(_SENTINEL_START) : -len(_SENTINEL_END)]
    try:
        decoded = base64.b64decode(encoded, validate=True)
        if base64.b64encode(decoded).decode() != encoded:
            return None
        return decoded.decode()
    except (binascii.Error, ValueError):
        return None


def require_single(headers: RawHeaders) -> None:
    """Refuse a request that says one of the mirroring headers twice: two readers could believe two things."""
    seen: set[bytes] = set()
    for name, _ in headers:
        lower = name.lower()
        if lower in _MIRRORING:
            if lower in seen:
                raise mismatch(f"The header {name.decode('latin-1')} is there twice.")
            seen.add(lower)


def require_equal(header: str, value: str | None, expected: str) -> None:
    """Refuse a request whose header is missing or is not what its body says."""
    if value is None:
        raise mismatch(f"The header {header} is missing; it must say what the body says.")
    if decode_value(value) != expected:
        raise mismatch(f"The header {header} does not say what the body says.")


def mismatch(message: str) -> Refusal:
    return bad_request(message, HEADER_MISMATCH)
