"""Questions of servers: asked on a stream in the legacy era, as `input_required` in the modern one."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
import pytest

from tests.upstream.servers import Upstreams, text_of
from tests.waiting import until
from upstream.answers import Reply
from upstream.client import Upstream
from upstream.fake import FakeUpstream
from upstream.fake_talk import FORM, LINK, ROOTS, SAMPLING, Question, asks
from upstream.faults import UpstreamFault
from upstream.parties import Party

ABLE = b'{"sampling":{},"elicitation":{"form":{},"url":{}},"roots":{}}'
CLIENT = Party("c", ABLE)
ASK = {"name": msgspec.Raw(b'"ask"'), "arguments": msgspec.Raw(b"{}")}
QUESTIONS = {"sampling": SAMPLING, "form": FORM, "link": LINK, "roots": ROOTS}
FINE = msgspec.Raw(b'{"action":"accept"}')


def ask(upstream: Upstream, **more: Any) -> Reply:
    params = {**ASK, **{key: msgspec.Raw(json.dumps(value).encode()) for key, value in more.items()}}
    return upstream.call("tools/call", params, party=CLIENT, capabilities=ABLE, timeout=5)


def result_of(reply: Reply) -> dict[str, Any]:
    return json.loads(bytes(reply.response()["result"]))


@contextmanager
def later(seconds: float, work: Callable[[], None]) -> Iterator[None]:
    """Done beside what is done here."""
    timer = threading.Timer(seconds, work)
    timer.start()
    yield
    timer.join()


@pytest.fixture
def legacy():
    with FakeUpstream("legacy", live=True) as fake:
        yield fake


@pytest.fixture
def modern():
    with FakeUpstream("modern", live=True) as fake:
        yield fake


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_legacy_server_asks_on_the_stream_and_hears_the_answer(
    kind: str, legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    legacy.offer("ask", asks(QUESTIONS[kind]))
    reply = ask(upstream_at(legacy.url))
    assert reply.events is not None
    asked = next(reply.events)
    assert json.loads(bytes(asked["method"])) == QUESTIONS[kind].method
    assert json.loads(bytes(asked["params"])) == QUESTIONS[kind].params
    reply.answer(asked["id"], {"result": FINE})
    assert text_of(next(reply.events)) == '[{"action":"accept"}]'
    reply.close()


def test_an_answer_goes_to_the_session_that_asked_whatever_was_opened_since(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    legacy.offer("ask", asks(FORM, ROOTS))
    upstream = upstream_at(legacy.url)
    reply = ask(upstream)
    assert reply.events is not None
    first = next(reply.events)
    legacy.script("tools/call", lambda turn: turn.refuse(404, -32001, "no such session"))
    upstream.call("tools/call", {"name": msgspec.Raw(b'"echo"')}, party=CLIENT).close()
    assert legacy.last("tools/call").headers["mcp-session-id"] == "session-2"
    reply.answer(first["id"], {"result": FINE})
    reply.answer(next(reply.events)["id"], {"error": msgspec.Raw(b'{"code":-1,"message":"no"}')})
    assert json.loads(text_of(next(reply.events))) == [{"action": "accept"}, {"error": {"code": -1, "message": "no"}}]
    reply.close()


def test_while_somebody_thinks_the_server_s_answer_may_take_longer(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    legacy.offer("ask", asks(FORM))
    upstream = upstream_at(legacy.url)
    hurried = upstream.call("tools/call", ASK, party=CLIENT, timeout=0.3)
    assert hurried.events is not None
    next(hurried.events)
    with pytest.raises(UpstreamFault, match="in time"):
        next(hurried.events)
    hurried.close()
    patient = upstream.call("tools/call", ASK, party=CLIENT, timeout=0.3)
    assert patient.events is not None
    asked = next(patient.events)
    patient.extend(5)
    with later(0.5, lambda: patient.answer(asked["id"], {"result": FINE})):
        assert text_of(next(patient.events)) == '[{"action":"accept"}]'
    patient.close()


def test_who_waits_for_the_next_event_already_waits_longer_too(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    legacy.offer("ask", asks(FORM))
    reply = upstream_at(legacy.url).call("tools/call", ASK, party=CLIENT, timeout=0.4)
    assert reply.events is not None
    asked = next(reply.events)
    with later(0.05, lambda: reply.extend(5)), later(0.7, lambda: reply.answer(asked["id"], {"result": FINE})):
        assert text_of(next(reply.events)) == '[{"action":"accept"}]'
    reply.close()


def test_a_question_that_nobody_answers_is_over_when_the_call_is_cancelled(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    legacy.offer("ask", asks(FORM))
    reply = ask(upstream_at(legacy.url))
    assert reply.events is not None
    next(reply.events)
    reply.close()
    until(lambda: legacy.count("notifications/cancelled"))
    until(lambda: not legacy.live.questions)


def test_a_legacy_client_that_cannot_is_not_asked(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    legacy.offer("ask", asks(FORM))
    assert result_of(upstream_at(legacy.url).call("tools/call", ASK))["isError"]


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_modern_server_asks_by_its_result_and_is_called_again(
    kind: str, modern: FakeUpstream, upstream_at: Upstreams
) -> None:
    modern.offer("ask", asks(QUESTIONS[kind]))
    upstream = upstream_at(modern.url)
    asked = result_of(ask(upstream))
    assert asked["resultType"] == "input_required"
    assert asked["inputRequests"]["q1"] == {"method": QUESTIONS[kind].method, "params": QUESTIONS[kind].params}
    again = {"requestState": asked["requestState"], "inputResponses": {"q1": {"action": "accept"}, "extra": 1}}
    answer = result_of(ask(upstream, **again))
    assert answer["content"][0]["text"] == '[{"action":"accept"}]'
    assert answer["resultType"] == "complete"


@pytest.mark.parametrize(("together", "rounds"), [(True, 1), (False, 3)])
def test_several_questions_come_together_or_one_by_one(
    together: bool, rounds: int, modern: FakeUpstream, upstream_at: Upstreams
) -> None:
    modern.offer("ask", asks(FORM, SAMPLING, ROOTS, together=together))
    upstream = upstream_at(modern.url)
    answer, taken = result_of(ask(upstream)), 0
    while answer["resultType"] == "input_required":
        taken += 1
        responses = {key: {"of": key} for key in answer["inputRequests"]}
        answer = result_of(ask(upstream, requestState=answer["requestState"], inputResponses=responses))
    assert taken == rounds
    assert json.loads(answer["content"][0]["text"]) == [{"of": "q1"}, {"of": "q2"}, {"of": "q3"}]


def test_a_state_that_is_not_of_this_request_is_refused(modern: FakeUpstream, upstream_at: Upstreams) -> None:
    modern.offer("ask", asks(FORM))
    upstream = upstream_at(modern.url)
    state = result_of(ask(upstream))["requestState"]
    for more in ({"requestState": "forged"}, {"requestState": state, "arguments": {"other": 1}}):
        assert b"-32602" in bytes(ask(upstream, **more).response()["error"])
    missing = result_of(ask(upstream, requestState=state, inputResponses={}))
    assert missing["resultType"] == "input_required"


@pytest.mark.parametrize(
    ("question", "declared", "required"),
    [
        (FORM, b'{"elicitation":{"url":{}}}', {"elicitation": {"form": {}}}),
        (LINK, b'{"elicitation":{}}', {"elicitation": {"url": {}}}),
        (SAMPLING, b"{}", {"sampling": {}}),
    ],
)
def test_a_modern_client_that_cannot_is_told_what_it_takes(
    question: Question, declared: bytes, required: dict[str, Any], modern: FakeUpstream, upstream_at: Upstreams
) -> None:
    modern.offer("ask", asks(question))
    error = upstream_at(modern.url).call("tools/call", ASK, capabilities=declared).response()["error"]
    assert json.loads(bytes(error))["data"] == {"requiredCapabilities": required}


def test_an_empty_elicitation_capability_means_forms() -> None:
    assert FORM.is_within({"elicitation": {}})
    assert not LINK.is_within({"elicitation": {}})
