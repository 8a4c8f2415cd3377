import json
from typing import Any

import pytest

from soaks.calls import Call, Outcome, is_clear, judge, judge_list

JSON, EVENTS = "application/json", "text/event-stream; charset=utf-8"
LEGACY = Call("legacy", "old", "7.1", 1, asks_progress=False)
MODERN = Call("modern", "new", "8.1", "1", asks_progress=True)


def result(text: str, **more: Any) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": text}], **more}


def answer(call_id: object, outcome: dict[str, Any], member: str = "result") -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": call_id, member: outcome}


def progress(step: int, token: str = MODERN.nonce) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": {"progressToken": token, "progress": step}}


def stream(*messages: dict[str, Any]) -> bytes:
    return b": alive\n\n" + b"".join(b"event: message\ndata: %b\n\n" % json.dumps(m).encode() for m in messages)


COMPLETE = answer("1", result(MODERN.nonce, resultType="complete"))


def test_ones_own_nonce_under_ones_own_id_is_right():
    assert judge(LEGACY, 200, JSON, json.dumps(answer(1, result("7.1"))).encode()).outcome is Outcome.RIGHT
    whole = stream(*map(progress, range(3)), COMPLETE)
    assert judge(MODERN, 200, EVENTS, whole).outcome is Outcome.RIGHT


def test_one_plain_sentence_in_a_result_is_a_fault():
    said = result("Old: 127.0.0.1:9 did not answer in time.", isError=True)
    verdict = judge(LEGACY, 200, JSON, json.dumps(answer(1, said)).encode())
    assert verdict == (Outcome.FAULT, "Old: 127.0.0.1:9 did not answer in time.")


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (answer(2, result("7.1")), "another request"),
        (answer("1", result("7.1")), "another request"),
        (answer(True, result("7.1")), "another request"),
        (answer(1, result("7.2")), "nonce of another call"),
        (answer(1, {"code": -32603, "message": "no"}, "error"), "no result"),
        (answer(1, result("7.1", resultType="complete")), "the other era"),
        (answer(1, {"content": []}), "its one text"),
        (answer(1, result("Traceback (most recent call last)", isError=True)), "no clear sentence"),
        ([answer(1, result("7.1"))], "no JSON-RPC"),
    ],
)
def test_anything_else_in_json_is_wrong(outcome: object, words: str):
    verdict = judge(LEGACY, 200, JSON, json.dumps(outcome).encode())
    assert verdict.outcome is Outcome.WRONG
    assert words in verdict.words


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([progress(0)], "ended without an answer"),
        ([], "ended without an answer"),
        ([progress(0, "8.2"), COMPLETE], "somebody else"),
        ([progress(1), progress(0), COMPLETE], "out of order"),
        ([progress(0), COMPLETE], "1 of 3 steps"),
    ],
)
def test_a_stream_that_lacks_something_or_has_too_much_is_wrong(messages: list[dict[str, Any]], words: str):
    verdict = judge(MODERN, 200, EVENTS, stream(*messages))
    assert verdict.outcome is Outcome.WRONG
    assert words in verdict.words


@pytest.mark.parametrize(("status", "kind"), [(503, JSON), (502, "text/html"), (200, "text/html"), (404, JSON)])
def test_another_status_or_a_page_is_wrong(status: int, kind: str):
    assert judge(LEGACY, status, kind, b"<html>").outcome is Outcome.WRONG


@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1:9 did not answer in time.",
        "Old: [Errno 111] Connection refused.",
        "Old: it did not\nanswer.",
        "Old: no end",
        f"Old: {'very ' * 100}long.",
    ],
)
def test_what_names_no_server_or_tells_of_the_inside_is_not_clear(text: str):
    assert not is_clear(text, "old")


def test_a_list_has_the_tools_of_all_servers():
    def listed(*names: str) -> bytes:
        return json.dumps(answer("list", {"tools": [{"name": name} for name in names]})).encode()

    servers = ("old", "new")
    assert judge_list(servers, 200, JSON, listed("old__echo", "new__echo")).outcome is Outcome.RIGHT
    assert "['new']" in judge_list(servers, 200, JSON, listed("old__echo")).words
    assert judge_list(servers, 503, JSON, b"").outcome is Outcome.WRONG
