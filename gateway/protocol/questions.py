"""What a server asks of a client, in the words of either era.

Rule: pure. The modern era puts its questions into a result, by key; the handshake era sends each as a request. More
than a client could answer is refused before any of it is read.
"""

import secrets
from typing import NamedTuple

from msgspec import Raw, ValidationError

from gateway.protocol.capabilities import ELICIT
from gateway.protocol.jsonrpc import Members, decode_members, decode_string, encode

# From here on a client knows that there are forms and addresses (MCP 2025-11-25, changelog).
_WITH_MODES = "2025-11-25"
_EMPTY = Raw(b"{}")

# What one server has to know at once: a client shows each to a person, or asks its model.
MAX_QUESTIONS = 16
MAX_QUESTION_BYTES = 256 << 10  # of all of them as they came: a page of text each, and room to spare


class Question(NamedTuple):
    key: str
    method: str
    params: Members


def read_questions(result: Members) -> list[Question]:
    """The `inputRequests` of a result; MsgspecError or RecursionError for what is none, or too much."""
    listed = result.get("inputRequests", _EMPTY)
    if len(bytes(listed)) > MAX_QUESTION_BYTES:
        raise ValidationError("the questions are too long")
    asked = decode_members(listed)
    if len(asked) > MAX_QUESTIONS:
        raise ValidationError("there are too many questions")
    questions: list[Question] = []
    for key, raw in asked.items():
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
