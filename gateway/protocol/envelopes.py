"""What changes in a result or a tool between the two eras.

Rule: members are added or dropped, never re-encoded: what an upstream wrote stays as it wrote it. A legacy client
never sees `resultType`, `ttlMs`, `cacheScope` or `io.modelcontextprotocol/*` (MCP 2026-07-28, changelog).
"""

import msgspec
from msgspec import MsgspecError, Raw

from gateway.protocol.capabilities import ELICIT
from gateway.protocol.jsonrpc import Members, decode_members, decode_string, encode
from gateway.protocol.questions import MAX_QUESTION_BYTES, MAX_QUESTIONS
from gateway.protocol.refusals import INTERNAL_ERROR, INVALID_PARAMS, RESOURCE_NOT_FOUND, UPSTREAM_FAILED
from upstream.eras import META_SERVER, MISSING_CAPABILITY, RESERVED_META, Era

_MODERN_ONLY = ("resultType", "ttlMs", "cacheScope")
_COMPLETE = Raw(b'"complete"')
_ADDRESSES_REQUIRED = -32042
_MAX_SAID = 200


class _Addresses(msgspec.Struct):
    elicitations: list[Raw] = []


_elicitations = msgspec.json.Decoder(_Addresses)


def render_result(
    result: Members, *, client: Era, upstream: Era, server_info: Raw, is_cacheable: bool = False
) -> bytes:
    """The result of a request as the client's era wants it; `server_info` is how this gateway names itself.

    `is_cacheable`: the modern era asks how long it may be kept; what a legacy server gave may not be kept at all.
    """
    if client is Era.MODERN:
        result.setdefault("resultType", _COMPLETE)
        if is_cacheable:
            result.setdefault("ttlMs", Raw(b"0"))
            result["cacheScope"] = Raw(b'"private"')
        meta = _members_or_empty(result.get("_meta"))
        meta[META_SERVER] = server_info
        result["_meta"] = Raw(encode(meta))
    elif upstream is Era.MODERN:
        _strip_modern(result)
    return encode(result)


def _strip_modern(result: Members) -> None:
    for member in _MODERN_ONLY:
        result.pop(member, None)
    if not _is_object(result.get("structuredContent")):
        result.pop("structuredContent", None)
    meta = {key: raw for key, raw in _members_or_empty(result.pop("_meta", None)).items() if not _is_reserved(key)}
    if meta:
        result["_meta"] = Raw(encode(meta))


def render_error(error: Raw, *, client: Era) -> Raw:
    """A server's error in the client's era: only the code for a resource that is not there differs."""
    try:
        members = decode_members(error)
        code = bytes(members["code"])
    except (KeyError, MsgspecError, RecursionError):
        return Raw(encode({"code": INTERNAL_ERROR, "message": "The server answered an error that is not JSON-RPC."}))
    if client is Era.MODERN and code == b"%d" % RESOURCE_NOT_FOUND:
        members["code"] = Raw(b"%d" % INVALID_PARAMS)
        return Raw(encode(members))
    return error


def is_tool_error(result: Members) -> bool:
    raw = result.get("isError")
    return raw is not None and bytes(raw) == b"true"


def is_missing_capability(message: Members) -> bool:
    """Whether a server refuses because the client cannot answer what it would ask (modern era only)."""
    error = message.get("error")
    if error is None:
        return False
    try:
        return bytes(decode_members(error)["code"]) == b"%d" % MISSING_CAPABILITY
    except (KeyError, MsgspecError, RecursionError):
        return False


def is_input_required(result: Members) -> bool:
    raw = result.get("resultType")
    return raw is not None and bytes(raw) == b'"input_required"'


def render_tool(tool: Members, *, name: str, client: Era) -> bytes | None:
    """A tool's definition as the client's era takes it; None where that era could not call the tool at all."""
    projected = dict(tool)
    projected["name"] = Raw(encode(name))
    execution = projected.get("execution")
    if execution is not None and bytes(_members_or_empty(execution).get("taskSupport", Raw(b"null"))) == b'"required"':
        return None
    if client is Era.MODERN:
        projected.pop("execution", None)
    elif "outputSchema" in projected and not _has_object_type(projected["outputSchema"]):
        # A legacy client rejects the whole list over one such schema.
        del projected["outputSchema"]
    return encode(projected)


def render_tool_error(message: str) -> Members:
    """A result that the model can read and act on, for what failed on the way to the tool."""
    return {"content": Raw(encode([{"type": "text", "text": message}])), "isError": Raw(b"true")}


def render_refused_question(outcome: Members, *, is_tool: bool) -> Members:
    """The response to a call whose client would not answer what its server has to know."""
    try:
        said = decode_string(decode_members(outcome["error"])["message"])[:_MAX_SAID]
    except (KeyError, MsgspecError, RecursionError):
        said = ""
    sentence = "The client did not answer what the server has to know" + (f": {said}" if said else ".")
    if is_tool:
        return {"result": Raw(encode(render_tool_error(sentence)))}
    return {"error": Raw(encode({"code": UPSTREAM_FAILED, "message": sentence}))}


def questions_of_error(error: Raw) -> Members | None:
    """A server's "open these addresses first" (-32042, MCP 2025-11-25 client/elicitation) as a result of the modern
    era; None for any other error, and for more addresses than anybody would open."""
    try:
        members = decode_members(error)
        if bytes(members["code"]) != b"%d" % _ADDRESSES_REQUIRED or len(bytes(members["data"])) > MAX_QUESTION_BYTES:
            return None
        listed = _elicitations.decode(members["data"]).elicitations
        if not 0 < len(listed) <= MAX_QUESTIONS:
            return None
        asked = [decode_members(raw) for raw in listed]
    except (KeyError, MsgspecError, RecursionError):
        return None
    for params in asked:
        params["mode"] = Raw(b'"url"')
        params.pop("elicitationId", None)
    questions = {
        f"address-{number}": {"method": ELICIT, "params": params} for number, params in enumerate(asked, start=1)
    }
    return {"resultType": Raw(b'"input_required"'), "inputRequests": Raw(encode(questions))}


def _has_object_type(schema: Raw) -> bool:
    kind = _members_or_empty(schema).get("type")
    return kind is not None and bytes(kind) == b'"object"'


def _is_reserved(key: str) -> bool:
    return key.startswith(RESERVED_META)


def _is_object(raw: Raw | None) -> bool:
    return raw is not None and bytes(raw)[:1] == b"{"


def _members_or_empty(raw: Raw | None) -> Members:
    if raw is None:
        return {}
    try:
        return decode_members(raw)
    except (MsgspecError, RecursionError):
        return {}
