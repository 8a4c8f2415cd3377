"""JSON-RPC 2.0 messages, decoded one level deep.

Rule: what is only passed on is never decoded: members stay `msgspec.Raw`, so arguments, schemas and results keep
their bytes, numbers beyond 64 bits included. A refusal says which rule was broken.
"""

from typing import NamedTuple

import msgspec
from msgspec import Raw

from gateway.protocol.refusals import INVALID_PARAMS, PARSE_ERROR, bad_request

# An id comes back in every answer and log line; no client needs a longer one.
MAX_ID_BYTES = 256
MAX_METHOD_BYTES = 128

# A batch is answered whole, and each of its requests takes a place: no client has use for a longer one.
MAX_BATCH = 100

Members = dict[str, Raw]

_members = msgspec.json.Decoder(Members)
_batch = msgspec.json.Decoder(list[Raw])
_identifier = msgspec.json.Decoder(str | int)
_string = msgspec.json.Decoder(str)
_NULL = Raw(b"null")
encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """A request or notification. `id` is the id's JSON, None for a notification; `params` is {} when absent."""

    id: bytes | None
    method: str
    params: Members


class ClientReply(NamedTuple):
    """A client's answer to a request of a server's: the id as JSON, and the member `result` or `error`."""

    id: bytes
    outcome: Members


class Batch(NamedTuple):
    """Several messages in one body (JSON-RPC 2.0 §6; MCP has had none since 2025-06-18)."""

    requests: list[Message]
    notifications: list[Message]
    replies: list[ClientReply]


def decode_members(raw: Raw | bytes) -> Members:
    """One JSON object, one level deep; msgspec.MsgspecError or RecursionError for anything else."""
    return _members.decode(raw)


def decode_string(raw: Raw | bytes) -> str:
    return _string.decode(raw)


def parse_posted(body: bytes) -> Message | ClientReply | Batch:
    """What a client has posted: a request or notification, an answer of its own, or several of these at once."""
    members = _parse_object(body)
    return parse_batch(body) if members is None else _read_message(members)


def parse_batch(body: bytes) -> Batch:
    """An array of messages; a bad one among them refuses them all, so that nothing is half done."""
    try:
        raws = _batch.decode(body)
    except (msgspec.DecodeError, RecursionError):
        raise bad_request("The body begins like an array, and is not JSON.", PARSE_ERROR) from None
    if not 0 < len(raws) <= MAX_BATCH:
        raise bad_request(f"A batch holds 1 to {MAX_BATCH} messages.")
    batch = Batch([], [], [])
    for raw in raws:
        members = _parse_object(bytes(raw)) if bytes(raw)[:1] == b"{" else None
        if members is None:
            raise bad_request("Each message of a batch must be one JSON-RPC object.")
        message = _read_message(members)
        if isinstance(message, ClientReply):
            batch.replies.append(message)
        elif message.id is None:
            batch.notifications.append(message)
        else:
            batch.requests.append(message)
    return batch


def _read_message(members: Members) -> Message | ClientReply:
    """JSON-RPC 2.0 §4; MCP forbids a null id."""
    request_id = _parse_id(members.get("id"))
    if "method" not in members:
        return _read_reply(request_id, members)
    try:
        version, method = decode_string(members.get("jsonrpc", _NULL)), decode_string(members["method"])
    except msgspec.MsgspecError:
        raise bad_request('"jsonrpc" must be "2.0" and "method" a string.') from None
    if version != "2.0" or not method or len(method) > MAX_METHOD_BYTES:
        raise bad_request('"jsonrpc" must be "2.0" and "method" a name of at most 128 characters.')
    return Message(request_id, method, _parse_params(members.get("params")))


def _read_reply(request_id: bytes | None, members: Members) -> ClientReply:
    if ("result" in members) == ("error" in members):
        raise bad_request("The body is not a JSON-RPC request: it has no method.")
    if request_id is None:
        raise bad_request("The JSON-RPC response has no id: nobody can tell what it answers.")
    member = "result" if "result" in members else "error"
    return ClientReply(request_id, {member: members[member]})


def _parse_object(body: bytes) -> Members | None:
    """None for an array."""
    try:
        if not body.isascii():
            body.decode()
        return _members.decode(body)
    except UnicodeDecodeError:
        raise bad_request("The body is not UTF-8.", PARSE_ERROR) from None
    except msgspec.ValidationError:
        if body.lstrip()[:1] == b"[":
            return None
        raise bad_request("The body must be one JSON-RPC object.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise bad_request(f"The body is not JSON: {reason}.", PARSE_ERROR) from None


def is_id(raw: Raw) -> bool:
    """Whether it may be an id, or a progress token: a string or whole number, and not a long one."""
    if memoryview(raw).nbytes > MAX_ID_BYTES:
        return False
    try:
        _identifier.decode(raw)
    except msgspec.MsgspecError:
        return False
    return True


def _parse_id(raw: Raw | None) -> bytes | None:
    if raw is None:
        return None
    text = bytes(raw)
    if len(text) > MAX_ID_BYTES:
        raise bad_request(f"The request's id is longer than {MAX_ID_BYTES} bytes.")
    try:
        _identifier.decode(text)
    except msgspec.MsgspecError:
        raise bad_request("The request's id must be a string or a whole number.") from None
    return text


def _parse_params(raw: Raw | None) -> Members:
    if raw is None:
        return {}
    try:
        return _members.decode(raw)
    except (msgspec.MsgspecError, RecursionError):
        raise bad_request('"params" must be an object.', INVALID_PARAMS) from None


def result_body(request_id: bytes, result: bytes) -> bytes:
    """A whole response around a result that is JSON already."""
    return b'{"jsonrpc":"2.0","id":' + request_id + b',"result":' + result + b"}"


def error_body(request_id: bytes, error: bytes) -> bytes:
    """A whole response around an error that is JSON already."""
    return b'{"jsonrpc":"2.0","id":' + request_id + b',"error":' + error + b"}"
