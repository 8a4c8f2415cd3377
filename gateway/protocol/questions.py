"""What a server asks of a client, in the words of either era.

Rule: pure. The modern era puts its questions into a result, by key; the handshake era sends each as a request.
"""

import secrets
from typing import NamedTuple

from msgspec import Raw

from gateway.protocol.capabilities import ELICIT
from gateway.protocol.jsonrpc import Members, decode_members, decode_string, encode

# From here on a client knows that there are forms and addresses (MCP 2025-11-25, changelog).
_WITH_MODES = "2025-11-25"
_EMPTY = Raw(b"{}")


class Question(NamedTuple):
    key: str
    method: str
    params: Members


def read_questions(result: Members) -> list[Question]:
    """The `inputRequests` of a result; MsgspecError or RecursionError for what is none."""
    questions: list[Question] = []
    for key, raw in decode_members(result.get("inputRequests", _EMPTY)).items():
        request = decode_members(raw)
        params = decode_members(request.get("params", _EMPTY))
        questions.append(Question(key, decode_string(request.get("method", _EMPTY)), params))
    return questions


def render_for_handshake(question: Question, request_id: Raw, version: str) -> Members:
    """The question as a request to a client that agreed on this revision."""
    params = dict(question.params)
    if question.method == ELICIT:
        if version < _WITH_MODES:
            params.pop("mode", None)
        elif bytes(params.get("mode", Raw(b""))) == b'"url"' and "elicitationId" not in params:
            params["elicitationId"] = Raw(encode(secrets.token_hex(16)))  # every address has one in that era
    return {
        "jsonrpc": Raw(b'"2.0"'),
        "id": request_id,
        "method": Raw(encode(question.method)),
        "params": Raw(encode(params)),
    }
