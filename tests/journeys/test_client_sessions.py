"""Sessions of clients of the handshake era: begun, used through any process, ended; what stands on them; batches."""

import json
from typing import Any

import pytest

from tests.journeys.conftest import Stage
from tests.real.speakers import LegacySpeaker
from tests.waiting import until
from upstream.fake_faults import hang, progress
from upstream.fake_talk import ROOTS, asks, logs

TIMES = 6  # connections, so that several processes have had some of them


@pytest.fixture(autouse=True)
def honest(stage: Stage) -> None:
    for server in (stage.legacy, stage.modern):
        server.always("tools/call", None)


def visit(client: Any, server: str) -> dict[str, Any]:
    """In which of its sessions the server was called, and for how many times."""
    answer = client.call(f"{server}__visits").wait()
    assert "result" in answer, answer
    return json.loads(answer["result"]["content"][0]["text"])


def test_a_session_works_through_every_process_until_it_is_ended(stage: Stage):
    client = stage.legacy_client()
    assert len(client.session) == 32
    for _ in range(TIMES):
        assert client.request("ping").wait()["result"] == {}
    assert client.end().status == 204
    for ended in (client.request("ping"), client.request("tools/list"), client.end(), client.listen()):
        ended.wait()
        assert ended.status == 404
        assert ended.messages[0]["error"]["code"] == -31404


def test_another_token_s_session_is_as_unknown_as_one_that_never_was(stage: Stage):
    client = stage.legacy_client()
    for token, session in ((stage.other_token, client.session), (stage.token, "0" * 32), (stage.token, "x'; --")):
        thief = LegacySpeaker(stage.gateway, "demo", token)
        thief.headers["Mcp-Session-Id"] = session
        for tried in (thief.request("tools/list"), thief.listen(), thief.end()):
            tried.wait()
            assert tried.status == 404
    assert client.request("ping").wait()["result"] == {}


def test_get_and_delete_are_for_sessions_of_the_handshake_era(stage: Stage):
    stranger = LegacySpeaker(stage.gateway, "demo", stage.token)
    client = stage.legacy_client()
    for verb in ("GET", "DELETE"):
        for asked in (
            stranger.send(verb),
            client.send(verb, **{"MCP-Protocol-Version": "2026-07-28"}),
        ):
            asked.wait()
            assert (asked.status, asked.headers["allow"]) == (405, "POST, OPTIONS")
    other = client.send("PUT")
    other.wait()
    assert (other.status, other.headers["allow"]) == (405, "GET, POST, DELETE, OPTIONS")
    refused = client.send("GET", Accept="application/json")
    refused.wait()
    assert refused.status == 406


def test_what_needs_a_session_says_so(stage: Stage):
    stranger = LegacySpeaker(stage.gateway, "demo", stage.token)
    for method, params in (("logging/setLevel", {"level": "info"}), ("resources/subscribe", {"uri": "a:b"})):
        assert "initialize first" in stranger.request(method, params).wait()["error"]["message"]
    reply = stranger.send("POST", {"jsonrpc": "2.0", "id": 1, "result": {}})
    assert reply.wait()["error"]["code"] == -32600
    assert reply.status == 400


def test_a_client_is_told_from_the_level_on_that_it_has_set(stage: Stage):
    for server, fake in (("leg", stage.legacy), ("mod", stage.modern)):
        fake.always("tools/call", logs(("debug", "one"), ("warning", "two"), ("error", "three")))
        client = stage.legacy_client()
        for level, expected in (("debug", ["one", "two", "three"]), ("error", ["three"]), ("info", ["two", "three"])):
            assert client.request("logging/setLevel", {"level": level}).wait()["result"] == {}
            call = client.call(f"{server}__echo")
            assert call.wait()["result"]["content"][0]["text"] == "logged"
            assert [said["params"]["data"] for said in call.of("notifications/message")] == expected
    bad = stage.legacy_client().request("logging/setLevel", {"level": "loud"})
    assert "emergency" in bad.wait()["error"]["message"]


def test_a_modern_client_sets_its_level_with_each_request(stage: Stage):
    for server, fake in (("leg", stage.legacy), ("mod", stage.modern)):
        fake.always("tools/call", logs(("debug", "one"), ("error", "three")))
        client = stage.modern_client()
        params = {"name": f"{server}__echo", "arguments": {}}
        for level, expected in (("debug", ["one", "three"]), ("error", ["three"])):
            call = client.request("tools/call", params, **{"io.modelcontextprotocol/logLevel": level})
            call.wait()
            assert [said["params"]["data"] for said in call.of("notifications/message")] == expected
        quiet = client.request("tools/call", params)
        quiet.wait()
        assert quiet.of("notifications/message") == []


@pytest.mark.parametrize("server", ["leg", "mod"])
def test_a_cancelled_call_ends_through_whichever_process_it_is_cancelled(stage: Stage, server: str):
    fake = stage.legacy if server == "leg" else stage.modern
    client = stage.legacy_client()
    for time in range(TIMES):
        fake.always("tools/call", hang)
        before = fake.count("tools/call")
        call = client.call(f"{server}__echo", id=f"call-{time}")
        until(lambda before=before: fake.count("tools/call") > before)
        client.notify("notifications/cancelled", {"requestId": "another"})
        client.notify("notifications/cancelled", {"requestId": f"call-{time}", "reason": "enough"})
        assert call.wait(5)["error"]["code"] == -31499
    if server == "leg":
        until(lambda: stage.legacy.count("notifications/cancelled") >= TIMES)


def test_a_session_cannot_cancel_what_another_has_under_way(stage: Stage):
    stage.legacy.always("tools/call", progress(1, pause=0.4))
    client, other = stage.legacy_client(), stage.legacy_client()
    call = client.call("leg__echo", id=7, progressToken="p")
    call.wait_for("notifications/progress")
    other.notify("notifications/cancelled", {"requestId": 7})
    assert call.wait()["result"]["content"][0]["text"] == "done"


def test_a_client_that_loses_its_connection_has_not_cancelled(stage: Stage):
    stage.legacy.always("tools/call", progress(*range(20), pause=0.05))
    client = stage.legacy_client()
    cancelled = stage.legacy.count("notifications/cancelled")
    call = client.call("leg__echo", progressToken="p")
    call.wait_for("notifications/progress")
    call.leave()
    again = client.call("leg__echo", id=2, progressToken="q")
    assert len(again.wait_for("notifications/progress", 20)) == 20
    assert again.wait()["result"]
    assert stage.legacy.count("notifications/cancelled") == cancelled


def test_a_modern_client_that_leaves_has_cancelled(stage: Stage):
    stage.legacy.always("tools/call", hang)
    before = stage.legacy.count("notifications/cancelled")
    called = stage.legacy.count("tools/call")
    call = stage.modern_client().call("leg__echo")
    until(lambda: stage.legacy.count("tools/call") > called)
    call.leave()
    until(lambda: stage.legacy.count("notifications/cancelled") > before)


def test_servers_with_state_keep_it_for_those_for_whom_they_are_set(stage: Stage):
    one, two = stage.legacy_client(), stage.legacy_client()
    other = LegacySpeaker(stage.gateway, "demo", stage.other_token).begin()
    seen = [
        [{server: visit(client, server) for server in ("leg", "tok", "cli")} for _ in range(TIMES)]
        for client in (one, two, other)
    ]
    first, last = seen[0][-1], seen[-1][-1]
    assert first["leg"]["session"] == last["leg"]["session"]
    assert last["leg"]["visits"] == 3 * TIMES
    assert first["tok"]["session"] != last["tok"]["session"]
    assert (first["tok"]["visits"], last["tok"]["visits"]) == (TIMES, TIMES)
    mine = {visit(client, "cli")["session"] for client in (one, two, other)}
    assert len(mine) == 3
    one.end()
    until(lambda: first["cli"]["session"] in stage.legacy.ended)
    assert visit(two, "cli")["visits"] == TIMES + 2


def test_a_forgotten_session_is_opened_anew_and_the_call_runs_once(stage: Stage):
    client = stage.legacy_client()
    for _ in range(TIMES):
        before = visit(client, "leg")
        stage.legacy.forget_sessions()
        after = visit(client, "leg")
        assert (after["visits"], after["session"] != before["session"]) == (1, True)


def test_only_a_server_with_a_session_for_each_client_is_told_that_its_roots_may_change(stage: Stage):
    stage.legacy.always("tools/call", asks(ROOTS))
    client = stage.legacy_client(roots={"listChanged": True})
    for server in ("leg", "cli"):
        call = client.call(f"{server}__echo")
        (asked,) = call.wait_for("roots/list")
        client.reply(asked, result={"roots": []})
        call.wait()
    assert {"roots": {"listChanged": True}} in stage.legacy.opened.values()
    assert {"roots": {}} in stage.legacy.opened.values()
    client.notify("notifications/roots/list_changed")
    until(lambda: stage.legacy.count("notifications/roots/list_changed") == 1)


# Batches.


def batch(client: LegacySpeaker, *messages: dict[str, Any], **headers: str) -> Any:
    return client.send("POST", [{"jsonrpc": "2.0", **message} for message in messages], **headers)


def test_a_batch_is_answered_whole_in_the_revision_that_has_batches(stage: Stage):
    client = stage.legacy_client(version="2025-03-26")
    del client.headers["MCP-Protocol-Version"]  # that revision has no such header
    echo = {"name": "leg__echo", "arguments": {"text": "x"}}
    sent = batch(
        client,
        {"id": "a", "method": "tools/call", "params": echo},
        {"method": "notifications/progress", "params": {}},
        {"id": 2, "method": "ping"},
        {"id": 3, "method": "tools/call", "params": {"name": "nobody__has_this"}},
        {"id": 4, "method": "tools/list"},
    )
    answers = {answer["id"]: answer for answer in sent.wait()}
    assert "result" in answers["a"], answers
    assert list(answers) == ["a", 2, 3, 4]
    assert "x" in answers["a"]["result"]["content"][0]["text"]
    assert answers[3]["error"]["code"] == -32602
    only_said = batch(client, {"method": "notifications/initialized"})
    only_said.wait()
    assert (only_said.status, only_said.messages) == (202, [])


def test_progress_and_questions_have_no_place_in_a_batch(stage: Stage):
    client = stage.legacy_client(version="2025-03-26", roots={})
    del client.headers["MCP-Protocol-Version"]
    stage.legacy.script("tools/call", progress(1, 2), asks(ROOTS))
    params = {"name": "leg__echo", "arguments": {}, "_meta": {"progressToken": "p"}}
    first = batch(client, {"id": 1, "method": "tools/call", "params": params}).wait()
    assert first[0]["result"]["content"][0]["text"] == "done"
    second = batch(client, {"id": 2, "method": "tools/call", "params": params}).wait()
    assert second[0]["result"]["isError"] is True


def test_every_other_batch_is_refused_whole(stage: Stage):
    ping = {"id": 1, "method": "ping"}
    agreed_on_later = stage.legacy_client(version="2025-11-25")
    del agreed_on_later.headers["MCP-Protocol-Version"]
    stranger = LegacySpeaker(stage.gateway, "demo", stage.token)
    first = {"id": 0, "method": "initialize", "params": {}}
    for refused in (
        batch(agreed_on_later, ping),
        batch(stranger, ping, **{"MCP-Protocol-Version": "2025-06-18"}),
        batch(stranger, ping, **{"MCP-Protocol-Version": "2026-07-28"}),
        batch(stranger, first, ping),
        batch(stranger, *[ping] * 101),
    ):
        assert refused.wait()["error"]["code"] == -32600
        assert refused.status == 400
