"""A server's questions, from the modern era's words into the handshake's."""

import json
import time
from typing import Any

import pytest
from msgspec import MsgspecError, Raw

from gateway.protocol.jsonrpc import Members, encode
from gateway.protocol.questions import (
    MAX_QUESTION_BYTES,
    MAX_QUESTIONS,
    Question,
    read_questions,
    render_for_handshake,
)


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


def test_so_many_questions_are_read_and_no_more():
    asked = {f"q{number}": {"method": "roots/list"} for number in range(MAX_QUESTIONS)}
    assert len(read_questions(_members({"inputRequests": asked}))) == MAX_QUESTIONS
    with pytest.raises(MsgspecError):
        read_questions(_members({"inputRequests": {**asked, "more": {"method": "roots/list"}}}))


def test_questions_that_are_too_long_together_are_not_read():
    asked = {"a": {"method": "roots/list", "params": {"x": "y" * MAX_QUESTION_BYTES}}}
    with pytest.raises(MsgspecError):
        read_questions(_members({"inputRequests": asked}))


def test_a_flood_of_questions_holds_nobody_up():
    asked = b"{" + b",".join(b'"%d":{}' % number for number in range(600_000)) + b"}"
    began = time.process_time()
    with pytest.raises(MsgspecError):
        read_questions({"inputRequests": Raw(asked)})
    assert time.process_time() - began < 0.05


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
