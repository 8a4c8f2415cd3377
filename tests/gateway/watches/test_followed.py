"""What a server says to one client, in the session that it keeps for it, reaches that client and no other."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from common.models import ServerSessions
from tests.gateway.town import RESOURCES, TOOLS_CHANGED, UPDATED, Town, a_town
from tests.real.speakers import Exchange, LegacySpeaker
from tests.real.valkey import RealValkey
from tests.waiting import until
from upstream.fake import FakeUpstream

LOGGED = {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "hello"}}
ASK = "sampling/createMessage", {"messages": [], "maxTokens": 5}
SAID = {"role": "assistant", "content": {"type": "text", "text": "Paris"}, "model": "m"}


@pytest.fixture(scope="module")
def town(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(valkey, tmp_path_factory.mktemp("town"), ServerSessions.CLIENT) as town:
        yield town


@pytest.fixture
def server(town: Town) -> FakeUpstream:
    return town.servers["legacy"]


@pytest.fixture
def clients(town: Town, server: FakeUpstream) -> Iterator[list[tuple[LegacySpeaker, Exchange, str]]]:
    """Two clients that can sample, each with its stream and the server's session for it."""
    opened: list[tuple[LegacySpeaker, Exchange, str]] = []
    for _ in range(2):
        before = {stream.session for stream in server.live.open}
        client = town.legacy_client(sampling={})
        stream = client.listen()
        until(lambda stream=stream: stream.comments)
        until(lambda before=before: {stream.session for stream in server.live.open} - before)
        (session,) = {stream.session or "" for stream in server.live.open} - before
        opened.append((client, stream, session))
    yield opened
    for client, stream, _ in opened:
        if stream.is_alive():
            client.end()


def say(server: FakeUpstream, session: str, message: Any) -> None:
    """Out of the server's own accord, in this session."""
    next(stream for stream in server.live.open if stream.session == session).write(message)


def test_each_client_is_followed_in_a_session_that_declares_what_it_can_do(
    server: FakeUpstream, clients: list[tuple[LegacySpeaker, Exchange, str]]
):
    sessions = [session for _, _, session in clients]
    assert len(set(sessions)) == 2
    assert [server.opened[session] for session in sessions] == [{"sampling": {}}] * 2


def test_what_is_said_to_one_client_is_for_it_alone(
    server: FakeUpstream, clients: list[tuple[LegacySpeaker, Exchange, str]]
):
    (_, first, session), (_, second, _) = clients
    say(server, session, {key: value for key, value in LOGGED.items() if key != "jsonrpc"})
    assert first.wait_for("notifications/message") == [LOGGED]
    server.live.change("tools")
    second.wait_for(TOOLS_CHANGED)
    assert second.of("notifications/message") == []


def test_a_question_is_put_to_the_client_and_its_answer_comes_back(
    server: FakeUpstream, clients: list[tuple[LegacySpeaker, Exchange, str]]
):
    (client, stream, session), (other, _, _) = clients
    answers: list[Any] = []
    asking = threading.Thread(target=lambda: answers.append(server.live.ask(session, *ASK)))
    asking.start()
    (asked,) = stream.wait_for(ASK[0])
    assert asked["params"] == ASK[1]
    assert other.reply(asked, result={"wrong": "session"}).status == 202
    assert client.reply(asked, result=SAID).status == 202
    asking.join(10)
    assert answers == [{"result": SAID}]


def test_what_a_client_cannot_answer_is_declined(
    server: FakeUpstream, clients: list[tuple[LegacySpeaker, Exchange, str]]
):
    (_, stream, session), _ = clients
    assert server.live.ask(session, "ping", {}) == {"result": {}}
    assert server.live.ask(session, "roots/list", {})["error"]["code"] == -32601
    assert stream.messages == []


def test_a_resource_is_followed_in_the_client_s_own_session_also_when_the_server_has_forgotten_it(
    server: FakeUpstream, clients: list[tuple[LegacySpeaker, Exchange, str]]
):
    (client, stream, session), (_, other, _) = clients
    uri = RESOURCES["legacy"]
    assert client.request("resources/subscribe", {"uri": uri}).wait()["result"] == {}
    until(lambda: server.live.subscriptions.get(session) == {uri})
    server.live.update(uri)
    stream.wait_for(UPDATED)
    assert other.of(UPDATED) == []
    server.forget_sessions()
    until(lambda: {uri} in [uris for its, uris in list(server.live.subscriptions.items()) if its != session])
    stream.wait_for(UPDATED, 2)  # it may have been missed
    assert client.request("resources/unsubscribe", {"uri": uri}).wait()["result"] == {}
    until(lambda: not any(server.live.subscriptions.get(each) for each in list(server.sessions)))


def test_a_client_that_has_gone_is_followed_no_longer(
    server: FakeUpstream, clients: list[tuple[LegacySpeaker, Exchange, str]]
):
    (client, _, session), (_, second, other) = clients
    client.end()
    until(lambda: session not in {stream.session for stream in server.live.open})
    until(lambda: session in server.ended)
    second.leave()
    until(lambda: other not in {stream.session for stream in server.live.open})
