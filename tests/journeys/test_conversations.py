"""What servers ask of clients, in the four ways in which two eras can meet, and through any gateway process."""

import json
from typing import Any

import pytest

from common import clock
from tests.journeys.conftest import Stage
from tests.real.speakers import Exchange, LegacySpeaker, ModernSpeaker
from tests.waiting import until
from upstream.fake_faults import status
from upstream.fake_talk import FORM, LINK, ROOTS, SAMPLING, asks, asks_aside
from upstream.fake_turns import Turn

ALL = {"sampling": {}, "elicitation": {"form": {}, "url": {}}, "roots": {}}
ACCEPTED = {"action": "accept", "content": {"name": "Ada"}}
SAMPLED = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"}
# Each connection goes to any of the processes: after so many conversations some have gone through several.
TIMES = 6


@pytest.fixture(autouse=True)
def honest(stage: Stage) -> None:
    for server in (stage.legacy, stage.modern):
        server.always("tools/call", None)


def said(answer: Any) -> Any:
    """What the tool of the fake says: the outcomes of its questions."""
    assert "error" not in answer, answer
    assert not answer["result"].get("isError"), answer
    return json.loads(answer["result"]["content"][0]["text"])


def ask_all(call: Exchange, client: LegacySpeaker, outcomes: dict[str, Any]) -> Any:
    """Answer each question of the stream as it comes; the tool's answer."""
    answered = 0
    while (message := call.after(answered)) is not None and "method" in message:
        assert client.reply(message, **outcomes[message["method"]]).status == 202
        answered += 1
    return call.wait()


@pytest.mark.parametrize("server", ["leg", "mod"])
def test_a_legacy_client_is_asked_on_the_stream_of_its_call(stage: Stage, server: str):
    for fake in (stage.legacy, stage.modern):
        fake.always("tools/call", asks(SAMPLING, FORM, LINK, ROOTS))
    outcomes = {
        "sampling/createMessage": {"result": SAMPLED},
        "elicitation/create": {"result": ACCEPTED},
        "roots/list": {"result": {"roots": [{"uri": "file:///home"}]}},
    }
    client = stage.legacy_client(**ALL)
    for time in range(TIMES):
        call = client.call(f"{server}__echo", {"time": time}, id=time)
        answer = ask_all(call, client, outcomes)
        assert answer["id"] == time
        assert said(answer) == [SAMPLED, ACCEPTED, ACCEPTED, {"roots": [{"uri": "file:///home"}]}]
        assert "resultType" not in answer["result"]


def test_a_modern_client_is_asked_by_a_legacy_server_and_comes_back_with_the_answers(stage: Stage):
    stage.legacy.always("tools/call", asks(SAMPLING, FORM, LINK, ROOTS))
    client = stage.modern_client(**ALL)
    for time in range(TIMES):
        answers = iter([SAMPLED, ACCEPTED, ACCEPTED, {"roots": []}])
        answer = client.call("leg__echo", {"time": time}, id=time).wait()
        rounds = 0
        while answer["result"]["resultType"] == "input_required":
            (key,) = answer["result"]["inputRequests"]
            asked = answer["result"]["inputRequests"][key]
            assert asked["method"] in ("sampling/createMessage", "elicitation/create", "roots/list")
            assert "elicitationId" not in asked.get("params", {})
            rounds += 1
            answer = client.call(
                "leg__echo",
                {"time": time},
                id=f"{time}-{rounds}",
                inputResponses={key: next(answers)},
                requestState=answer["result"]["requestState"],
            ).wait()
            assert "error" not in answer, answer
        assert rounds == 4
        assert answer["id"] == f"{time}-4"
        assert said(answer) == [SAMPLED, ACCEPTED, ACCEPTED, {"roots": []}]
    assert stage.legacy.count("tools/call") >= TIMES


def test_a_modern_client_and_a_modern_server_talk_as_if_nobody_were_between(stage: Stage):
    stage.modern.always("tools/call", asks(FORM, ROOTS, together=True))
    client = stage.modern_client(**ALL)
    first = client.call("mod__echo").wait()["result"]
    assert set(first["inputRequests"]) == {"q1", "q2"}
    answers = {"q1": ACCEPTED, "q2": {"roots": []}}
    again = client.call("mod__echo", inputResponses=answers, requestState=first["requestState"]).wait()
    assert said(again) == [ACCEPTED, {"roots": []}]


@pytest.mark.parametrize("server", ["leg", "mod"])
def test_nobody_is_asked_what_it_has_not_declared(stage: Stage, server: str):
    for fake in (stage.legacy, stage.modern):
        fake.always("tools/call", asks(SAMPLING))
    for answer in (
        stage.legacy_client(elicitation={}).call(f"{server}__echo").wait(),
        LegacySpeaker(stage.gateway, "demo", stage.token).call(f"{server}__echo").wait(),
    ):
        assert answer["result"]["isError"] is True
    answer = stage.modern_client(elicitation={}).call(f"{server}__echo").wait()
    refused = answer.get("error", {}).get("code") == -32021
    assert refused if server == "mod" else answer["result"]["isError"]


@pytest.mark.parametrize("server", ["leg", "mod"])
def test_a_client_that_refuses_is_a_result_that_the_model_can_read(stage: Stage, server: str):
    for fake in (stage.legacy, stage.modern):
        fake.always("tools/call", asks(SAMPLING))
    client = stage.legacy_client(sampling={})
    call = client.call(f"{server}__echo")
    (asked,) = call.wait_for("sampling/createMessage")
    client.reply(asked, error={"code": -1, "message": "the user said no"})
    assert "the user said no" in json.dumps(call.wait()["result"])


def test_an_answer_of_another_session_is_not_taken(stage: Stage):
    stage.legacy.always("tools/call", asks(FORM))
    client, stranger = stage.legacy_client(**ALL), stage.legacy_client(**ALL)
    thief = LegacySpeaker(stage.gateway, "demo", stage.other_token).begin(ALL)
    call = client.call("leg__echo")
    (asked,) = call.wait_for("elicitation/create")
    for other in (stranger, thief):
        assert other.reply(asked, result={"action": "accept", "content": {"name": "Mallory"}}).status == 202
    assert client.reply(asked, result=ACCEPTED).status == 202
    assert said(call.wait()) == [ACCEPTED]
    assert client.reply(asked, result={"action": "cancel"}).status == 202  # late, and dropped


def test_a_request_state_of_another_token_or_request_opens_nothing(stage: Stage):
    stage.legacy.always("tools/call", asks(FORM))
    client = stage.modern_client(**ALL)
    asked = client.call("leg__echo", {"n": 1}).wait()["result"]
    state = asked["requestState"]
    answers = {"question": ACCEPTED}
    thief = ModernSpeaker(stage.gateway, "demo", stage.other_token, ALL)
    for other, arguments, its_state in (
        (thief, {"n": 1}, state),
        (client, {"n": 2}, state),
        (client, {"n": 1}, state[:-4] + "AAAA"),
    ):
        refused = other.call("leg__echo", arguments, inputResponses=answers, requestState=its_state)
        assert refused.wait()["error"]["code"] == -32602
        assert refused.status == 400
    assert said(client.call("leg__echo", {"n": 1}, inputResponses=answers, requestState=state).wait()) == [ACCEPTED]
    late = client.call("leg__echo", {"n": 1}, inputResponses=answers, requestState=state).wait()
    assert "no longer open" in late["error"]["message"]


def test_who_comes_back_without_the_answer_is_asked_again(stage: Stage):
    stage.legacy.always("tools/call", asks(FORM))
    client = stage.modern_client(**ALL)
    for _ in range(TIMES):
        first = client.call("leg__echo").wait()["result"]
        again = client.call("leg__echo", inputResponses={}, requestState=first["requestState"]).wait()["result"]
        assert again["inputRequests"] == first["inputRequests"]
        answers = {"question": ACCEPTED}
        last = client.call("leg__echo", inputResponses=answers, requestState=again["requestState"])
        assert said(last.wait()) == [ACCEPTED]


@pytest.mark.parametrize("whole", [False, True])
def test_a_client_without_a_stream_is_asked_on_its_call_what_the_server_asks_beside_it(stage: Stage, whole: bool):
    stage.legacy.always("tools/call", asks_aside(SAMPLING, FORM, whole=whole))
    outcomes = {"sampling/createMessage": {"result": SAMPLED}, "elicitation/create": {"result": ACCEPTED}}
    client = stage.legacy_client(**ALL)
    for time in range(TIMES):
        call = client.call("cli__echo", {"time": time}, id=time)
        assert said(ask_all(call, client, outcomes)) == [SAMPLED, ACCEPTED]
        until(lambda: not stage.legacy.live.open)


def test_a_client_with_a_stream_is_asked_there(stage: Stage):
    stage.legacy.always("tools/call", asks_aside(FORM))
    client = stage.legacy_client(**ALL)
    stream = client.listen()
    until(lambda: stage.legacy.live.open)
    for time in range(TIMES):
        call = client.call("cli__echo", id=time)
        client.reply(stream.wait_for("elicitation/create", time + 1)[time], result=ACCEPTED)
        assert said(call.wait()) == [ACCEPTED]
        assert not call.of("elicitation/create")
    stream.leave()
    until(lambda: not stage.legacy.live.open)


def test_a_server_without_such_a_stream_is_called_all_the_same(stage: Stage):
    stage.legacy.always("GET", status(405))
    client = stage.legacy_client(**ALL)
    try:
        for time in range(TIMES):
            assert said(client.call("cli__echo", {"time": time}, id=time).wait()) == {"time": time}
    finally:
        stage.legacy.always("GET", None)


def test_a_server_that_says_nothing_after_the_answer_has_its_own_time_and_no_more(stage: Stage):
    def ask_and_hang(turn: Turn) -> None:
        turn.begin_stream()
        turn.server.live.ask_in(turn, FORM.method, FORM.params)
        turn.wait()

    stage.legacy.always("tools/call", ask_and_hang)
    client = stage.modern_client(**ALL)
    parked = [client.call("now__echo", {"n": n}).wait()["result"] for n in range(TIMES)]
    began = clock.monotonic()
    answers = {"question": ACCEPTED}
    resumed = [
        client.call("now__echo", {"n": n}, inputResponses=answers, requestState=each["requestState"])
        for n, each in enumerate(parked)
    ]
    for call in resumed:
        result = call.wait()["result"]
        assert result["isError"] is True
        assert "in time" in result["content"][0]["text"]
    assert clock.monotonic() - began < 5


def test_a_server_that_asks_under_one_id_again_and_again_is_declined(stage: Stage):
    def ask_often(turn: Turn) -> None:
        turn.begin_stream()
        for _ in range(20):
            turn.write_message({"id": "same", "method": FORM.method, "params": FORM.params})
        turn.wait()

    stage.legacy.always("tools/call", ask_often)
    before = stage.legacy.count("POST")
    client = stage.legacy_client(**ALL)
    call = client.call("now__echo")
    (asked,) = call.wait_for("elicitation/create")
    client.notify("notifications/cancelled", {"requestId": 1})
    call.wait()
    assert call.of("elicitation/create") == [asked]
    until(lambda: stage.legacy.count("POST") >= before + 19)  # each of the others was answered with a no
