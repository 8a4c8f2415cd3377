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

Members = dict[str, Raw]

_members = msgspec.json.Decoder(Members)
_identifier = msgspec.json.Decoder(str | int)
_string = msgspec.json.Decoder(str)
encode = msgspec.json.Encoder().encode


class Message(NamedTuple):
    """A request or notification. `id` is the id's JSON, None for a notification; `params` is {} when absent."""

    id: bytes | None
    method: str
    params: Members


def decode_members(raw: Raw | bytes) -> Members:
    """One JSON object, one level deep; msgspec.MsgspecError or RecursionError for anything else."""
    return _members.decode(raw)


def decode_string(raw: Raw | bytes) -> str:
    return _string.decode(raw)


def parse_message(body: bytes) -> Message:
    """Parse one JSON-RPC request or notification (JSON-RPC 2.0 §4; MCP forbids a null id)."""
    members = _parse_object(body)
    request_id = _parse_id(members.get("id"))
    if "method" not in members:
        if "result" in members or "error" in members:
            raise bad_request("The body is a JSON-RPC response, and no request of this gateway waits for it.")
        raise bad_request("The body is not a JSON-RPC request: it has no method.")
    try:
        version, method = decode_string(members.get("jsonrpc", Raw(b"null"))), decode_string(members["method"])
    except msgspec.MsgspecError:
        raise bad_request('"jsonrpc" must be "2.0" and "method" a string.') from None
    if version != "2.0" or not method or len(method) > MAX_METHOD_BYTES:
        raise bad_request('"jsonrpc" must be "2.0" and "method" a name of at most 128 characters.')
    return Message(request_id, method, _parse_params(members.get("params")))


def _parse_object(body: bytes) -> Members:
    try:
        if not body.isascii():
            body.decode()
        return _members.decode(body)
    except UnicodeDecodeError:
        raise bad_request("The body is not UTF-8.", PARSE_ERROR) from None
    except msgspec.ValidationError:
        if body.lstrip()[:1] == b"[":
            raise bad_request("Batches are not accepted: send one JSON-RPC request per POST.") from None
        raise bad_request("The body must be one JSON-RPC object.") from None
    except (msgspec.DecodeError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise bad_request(f"The body is not JSON: {reason}.", PARSE_ERROR) from None


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
