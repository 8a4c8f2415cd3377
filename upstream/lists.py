"""Lists: all pages of what a server offers, and for how long they hold.

Rule: items pass byte for byte; a list without end, in a circle or of another shape is a fault. A
list holds as long as the shortest-lived of its pages.
"""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from upstream.answers import Reply
from upstream.eras import Era
from upstream.faults import UpstreamFault
from upstream.requests import Message

MAX_PAGES = 100
MAX_ITEMS = 10_000
MAX_LIST_BYTES = 8 * 1024 * 1024  # kept three times over, for each workspace and environment
MAX_TTL_MS = 24 * 3600 * 1000  # a day: what a server promises beyond that is of no use to anybody

# Which capability a server claims for each list, and the member of the result that holds the items.
LISTS = {
    "tools/list": ("tools", "tools"),
    "prompts/list": ("prompts", "prompts"),
    "resources/list": ("resources", "resources"),
    "resources/templates/list": ("resources", "resourceTemplates"),
}

_NULL = msgspec.Raw(b"null")


class Items(NamedTuple):
    """`ttl_ms`: for how long the server calls them fresh."""

    items: list[bytes]
    ttl_ms: int = 0


class _Hints(msgspec.Struct):
    """MCP 2026-07-28 server/utilities/caching; a legacy server gives none."""

    ttlMs: int = 0


def read_pages(method: str, ask: Callable[[Message], Reply], authority: str) -> Items:
    """All pages of one of the LISTS; `ask` gets the params of each. Raises UpstreamFault."""
    capability, member = LISTS[method]
    items: list[bytes] = []
    ttl_ms = MAX_TTL_MS
    seen: set[str] = set()
    params: Message = {}
    size = 0
    for _ in range(MAX_PAGES):
        reply = ask(params)
        page, cursor, hints = _read_page(reply.response(), member, authority)
        items += page
        size += sum(map(len, page))
        ttl_ms = min(ttl_ms, max(0, hints.ttlMs) if reply.era is Era.MODERN else 0)
        if len(items) > MAX_ITEMS or size > MAX_LIST_BYTES:
            raise _fault("too_large", f"lists more {capability} than can be taken in", authority)
        if cursor is None:
            return Items(items, ttl_ms)
        if cursor in seen:
            raise _fault("not_mcp", f"lists its {capability} in a circle", authority)
        seen.add(cursor)
        params = {"cursor": msgspec.Raw(msgspec.json.encode(cursor))}
    raise _fault("too_large", f"lists its {capability} on more than {MAX_PAGES} pages", authority)


def _read_page(response: Message, member: str, authority: str) -> tuple[list[bytes], str | None, _Hints]:
    """The items of one page, the cursor of the next, and what is said of its freshness."""
    if "error" in response:
        raise _fault("not_mcp", f"refused to list its {member}", authority)
    raw = response["result"]
    if len(bytes(raw)) > MAX_LIST_BYTES:  # before each of a million empty objects becomes one here
        raise _fault("too_large", f"lists more {member} than can be taken in", authority)
    try:
        result = msgspec.json.decode(raw, type=Message)
        items = [bytes(item) for item in msgspec.json.decode(result[member], type=list[msgspec.Raw])]
        cursor = msgspec.json.decode(result.get("nextCursor", _NULL), type=str | None)
    except (KeyError, msgspec.DecodeError, RecursionError):
        items, cursor = [b""], None
    if not all(item.startswith(b"{") for item in items):
        raise _fault("invalid_json", f"sent a list of {member} that is not MCP", authority)
    return items, cursor, _read_hints(raw)


def _read_hints(result: msgspec.Raw) -> _Hints:
    try:
        return msgspec.json.decode(result, type=_Hints)
    except msgspec.DecodeError:  # what makes no sense says nothing
        return _Hints()


def _fault(code: str, what: str, authority: str) -> UpstreamFault:
    return UpstreamFault(code, f"{authority} {what}.")
