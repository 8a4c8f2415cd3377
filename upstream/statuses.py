"""What the status of an answer means when it is not the answer itself.

Rule: pure. Each refusal has a code and one sentence to act on, with the server's own words where it
gave some; a 401 or 403 of a server never reads like one of ours.
"""

import email.utils

import msgspec

from common.clock import now
from upstream.faults import UpstreamFault

MAX_RETRY_AFTER = 3600  # seconds; nobody waits longer for a call
MAX_WORDS = 200


def fault_of_status(status: int, headers: dict[bytes, bytes], body: bytes, authority: str) -> UpstreamFault:
    """The fault that a status other than 200 means, told with the server's own words where it gave some."""
    words, retry_after = _words_of(body), read_retry_after(headers)
    if status in (401, 403):
        return UpstreamFault(
            "unauthorized",
            f"{authority} refused the credentials that this workspace holds for it ({status}). "
            f"Whoever manages its servers has to renew them.{words}",
        )
    if status == 404:
        return UpstreamFault(
            "not_found", f"{authority} has nothing at this path (404). Check the URL; it usually ends in /mcp.{words}"
        )
    if status == 429:
        return UpstreamFault(
            "rate_limited",
            f"{authority} has had too many requests (429). Try again {_when(retry_after)}.{words}",
            retry_after=retry_after,
        )
    if 300 <= status < 400:
        return UpstreamFault(
            "not_mcp", f"{authority} sends the request elsewhere ({status}). Set the final address as the URL."
        )
    if status >= 500:
        return UpstreamFault(
            "server_error",
            f"{authority} failed ({status}){_asks(retry_after)}. If it goes on, ask whoever runs it.{words}",
            may_have_run=True,
            retry_after=retry_after,
        )
    if status < 300:
        return UpstreamFault(
            "not_mcp", f"{authority} took the request but gave no answer ({status}).", may_have_run=True
        )
    return UpstreamFault(
        "not_mcp",
        f"{authority} does not take MCP requests at this path ({status}). "
        f"Check the URL; it usually ends in /mcp.{words}",
    )


def _when(retry_after: int | None) -> str:
    return f"in {retry_after} s" if retry_after else "later"


def _asks(retry_after: int | None) -> str:
    return f" and asks to be tried again in {retry_after} s" if retry_after else ""


def read_retry_after(headers: dict[bytes, bytes]) -> int | None:
    """Seconds (RFC 9110 §10.2.3: a number of them, or a date)."""
    value = headers.get(b"retry-after", b"").decode("latin-1").strip()
    if value.isascii() and value.isdigit():
        return min(int(value[:9]), MAX_RETRY_AFTER)
    try:
        moment = email.utils.parsedate_to_datetime(value)
        return min(max(0, round((moment - now()).total_seconds())), MAX_RETRY_AFTER)
    except (TypeError, ValueError):  # no date, or one without a zone
        return None


class _Error(msgspec.Struct):
    message: str = ""


class _ErrorBody(msgspec.Struct):
    error: _Error


def _words_of(body: bytes) -> str:
    """The message of a JSON-RPC error, made safe to quote."""
    try:
        said = msgspec.json.decode(body, type=_ErrorBody).error.message
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    plain = " ".join("".join(c if c.isprintable() else " " for c in said[: MAX_WORDS * 2]).split())[:MAX_WORDS]
    return f" It said: {plain}" if plain else ""
