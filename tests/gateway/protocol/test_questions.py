"""A server's questions, from the modern era's words into the handshake's."""

import json
from typing import Any

import pytest
from msgspec import MsgspecError, Raw

from gateway.protocol.jsonrpc import Members, encode
from gateway.protocol.questions import Question, read_questions, render_for_handshake


def _members(value: Any) -> Members:
    return {key: Raw(json.dumps(each).encode()) for key, each in value.items()}


def _rendered(question: Question, version: str) -> Any:
    return json.loads(encode(render_for_handshake(question, Raw(b'"b-1"'), version)))


def test_each_question_of_a_result_is_read_under_its_key():
    asked = {"a": {"method": "roots/list"}, "b": {"method": "elicitation/create", "params": {"message": "?"}}}
    questions = read_questions(_members({"resultType": "input_required", "inputRequests": asked}))
    assert [(each.key, each.method) for each in questions] == [("a", "roots/list"), ("b", "elicitation/create")]
    assert json.loads(encode(questions[1].params)) == {"message": "?"}


def test_a_result_that_only_wants_to_be_called_again_asks_nothing():
    assert read_questions(_members({"resultType": "input_required", "requestState": "s"})) == []


@pytest.mark.parametrize("asked", [[], "x", {"a": 1}, {"a": {"params": {}}}, {"a": {"method": 1}}])
def test_what_is_no_question_is_not_taken_for_one(asked: Any):
    with pytest.raises(MsgspecError):
        read_questions(_members({"inputRequests": asked}))


def test_a_form_says_so_only_to_a_client_that_knows_modes():
    question = Question("a", "elicitation/create", _members({"mode": "form", "message": "?"}))
    assert _rendered(question, "2025-11-25")["params"] == {"mode": "form", "message": "?"}
    assert _rendered(question, "2025-06-18")["params"] == {"message": "?"}


def test_an_address_gets_the_id_that_the_handshake_era_wants():
    question = Question("a", "elicitation/create", _members({"mode": "url", "url": "https://x.test/"}))
    rendered = _rendered(question, "2025-11-25")
    assert rendered["jsonrpc"] == "2.0"
    assert rendered["id"] == "b-1"
    assert len(rendered["params"]["elicitationId"]) == 32
