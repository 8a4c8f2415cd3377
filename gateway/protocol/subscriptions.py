"""What a client wants to hear of, and the messages that tell it.

Rule: pure. On a listen stream each message carries the id of the request that opened it, as the client wrote it; on
a legacy stream none does (MCP 2026-07-28 basic/patterns, Subscriptions; 2025-11-25 server/resources).
"""

from types import MappingProxyType
from typing import NamedTuple

import msgspec
from msgspec import MsgspecError, Raw

from gateway.protocol.eras import MAX_NAME
from gateway.protocol.jsonrpc import Members, decode_members, decode_string, encode, result_body
from gateway.protocol.refusals import INVALID_PARAMS, bad_request
from upstream.eras import RESERVED_META

# A client that looks at more resources than this at once asks again rather than be told of each.
MAX_URIS = 256

UPDATED = "notifications/resources/updated"
_ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
_SUBSCRIPTION = RESERVED_META + "subscriptionId"


class Change(NamedTuple):
    """How it is told that a list has changed, and by which member of a filter that is asked for."""

    notification: str
    member: str


# By the method that lists. Templates are resources: nothing tells of them alone.
CHANGES = MappingProxyType(
    {
        "tools/list": Change("notifications/tools/list_changed", "toolsListChanged"),
        "prompts/list": Change("notifications/prompts/list_changed", "promptsListChanged"),
        "resources/list": Change("notifications/resources/list_changed", "resourcesListChanged"),
    }
)
CHANGED = MappingProxyType({change.notification: method for method, change in CHANGES.items()})


class Wants(NamedTuple):
    """The lists (by the method that lists) and the resources whose changes a stream is told."""

    lists: frozenset[str]
    uris: tuple[str, ...]


class _Filter(msgspec.Struct, rename="camel"):
    tools_list_changed: bool = False
    prompts_list_changed: bool = False
    resources_list_changed: bool = False
    resource_subscriptions: list[str] = []


_filter = msgspec.json.Decoder(_Filter)


def parse_wants(params: Members) -> Wants:
    """The filter of a listen request; what it does not name is not wanted."""
    try:
        wanted = _filter.decode(params.get("notifications", Raw(b"null")))
    except (MsgspecError, RecursionError):
        raise bad_request('"params.notifications" must be an object that says what to tell.', INVALID_PARAMS) from None
    uris = tuple(dict.fromkeys(wanted.resource_subscriptions))
    if len(uris) > MAX_URIS or not all(0 < len(uri) <= MAX_NAME for uri in uris):
        reason = f'"resourceSubscriptions" holds at most {MAX_URIS} URIs, each of 1 to {MAX_NAME} characters.'
        raise bad_request(reason, INVALID_PARAMS)
    asked = (wanted.tools_list_changed, wanted.prompts_list_changed, wanted.resources_list_changed)
    return Wants(frozenset(method for method, is_asked in zip(CHANGES, asked, strict=True) if is_asked), uris)


def render_acknowledged(wants: Wants, subscription: bytes) -> bytes:
    """The first message of a listen stream: of what was asked for, what will be told."""
    honoured: dict[str, object] = {change.member: True for method, change in CHANGES.items() if method in wants.lists}
    if wants.uris:
        honoured["resourceSubscriptions"] = wants.uris
    return _render(_ACKNOWLEDGED, b'"notifications":' + encode(honoured), subscription)


def render_change(method: str, subscription: bytes) -> bytes:
    """That the list of this method has changed. `subscription`: the request's id as JSON, empty on a legacy stream."""
    return _render(CHANGES[method].notification, b"", subscription)


def render_updated(uri: str, subscription: bytes) -> bytes:
    return _render(UPDATED, b'"uri":' + encode(uri), subscription)


def render_ended(subscription: bytes) -> bytes:
    """The response to the listen request: the stream ends, and not by accident."""
    return result_body(subscription, b'{"resultType":"complete",%b}' % _meta(subscription))


def decode_method(message: Members) -> str:
    """The method of what a server says; empty when it is none."""
    try:
        return decode_string(message["method"])
    except (KeyError, MsgspecError):
        return ""


def find_uri(message: Members) -> str:
    """Which resource a server says has been updated; empty when it names none."""
    try:
        uri = decode_string(decode_members(message["params"])["uri"])
    except (KeyError, MsgspecError, RecursionError):
        return ""
    return uri if len(uri) <= MAX_NAME else ""


def _render(notification: str, members: bytes, subscription: bytes) -> bytes:
    params = b",".join(part for part in (_meta(subscription), members) if part)
    suffix = b',"params":{%b}' % params if params else b""
    return b'{"jsonrpc":"2.0","method":"%b"%b}' % (notification.encode(), suffix)


def _meta(subscription: bytes) -> bytes:
    return b'"_meta":{"%b":%b}' % (_SUBSCRIPTION.encode(), subscription) if subscription else b""
