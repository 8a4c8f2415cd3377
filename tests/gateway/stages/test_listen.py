"""Clients that listen, in either era, hear what changes at servers of either era, through any gateway process."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from common import clock, tokens
from common.admission.publish import Publisher
from common.admission.records import Closing
from tests.gateway.town import (
    ACKNOWLEDGED,
    PROMPTS_CHANGED,
    RESOURCES,
    TOOLS_CHANGED,
    UPDATED,
    Town,
    a_live_server,
    a_town,
)
from tests.real.speakers import Exchange, LegacySpeaker, ModernSpeaker
from tests.real.valkey import RealValkey
from tests.waiting import until
from upstream.eras import META_SUBSCRIPTION

# From the server's word to the client's ear.
TOLD_SECONDS = 1.0


@pytest.fixture(scope="module")
def town(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with a_town(valkey, tmp_path_factory.mktemp("town")) as town:
        yield town


@pytest.fixture
def opened() -> Iterator[list[Exchange]]:
    """The streams that a test has opened; left when it is over."""
    streams: list[Exchange] = []
    yield streams
    for stream in streams:
        if stream.is_alive():
            stream.leave()


@pytest.mark.parametrize("id", [7, "seven"])
def test_a_listen_stream_says_first_what_it_will_tell_under_the_request_s_own_id(
    town: Town, opened: list[Exchange], id: Any
):
    wanted = {"toolsListChanged": True, "resourceSubscriptions": [RESOURCES["modern"], "test://nobody"]}
    stream = town.listen(id, **wanted)
    opened.append(stream)
    assert (stream.status, stream.headers["x-accel-buffering"]) == (200, "no")
    assert stream.headers["cache-control"] == "no-cache, no-transform"
    assert stream.messages[0]["params"] == {
        "_meta": {META_SUBSCRIPTION: id},
        "notifications": {"toolsListChanged": True, "resourceSubscriptions": [RESOURCES["modern"]]},
    }


@pytest.mark.parametrize("wanted", [None, [], {"toolsListChanged": "yes"}, {"resourceSubscriptions": [""]}])
def test_a_filter_that_is_none_is_refused(town: Town, wanted: Any):
    refused = town.modern_client().request("subscriptions/listen", {"notifications": wanted})
    assert refused.wait()["error"]["code"] == -32602
    assert refused.status == 400


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_change_at_a_server_of_either_era_is_told_once_at_every_stream_that_wants_it(
    town: Town, opened: list[Exchange], era: str
):
    tools = [town.listen(toolsListChanged=True) for _ in range(4)]
    prompts = town.listen(promptsListChanged=True)
    legacy = [town.legacy_client().listen() for _ in range(3)]
    opened += [*tools, prompts, *legacy]
    until(lambda: all(stream.comments for stream in legacy))
    town.servers[era].tools = [*town.servers[era].tools, {"name": f"new_{era}", "inputSchema": {"type": "object"}}]
    began = clock.monotonic()
    assert town.servers[era].live.change("tools") > 0
    for stream in tools:
        assert stream.wait_for(TOOLS_CHANGED) == [
            {"jsonrpc": "2.0", "method": TOOLS_CHANGED, "params": {"_meta": {META_SUBSCRIPTION: 1}}}
        ]
    for stream in legacy:
        assert stream.wait_for(TOOLS_CHANGED) == [{"jsonrpc": "2.0", "method": TOOLS_CHANGED}]
    assert clock.monotonic() - began < TOLD_SECONDS
    for _ in range(4):  # whichever process it comes to
        listed = town.modern_client().request("tools/list").wait()["result"]["tools"]
        assert f"new_{era}" in json.dumps(listed)
    town.servers[era].live.change("prompts")
    prompts.wait_for(PROMPTS_CHANGED)
    assert prompts.of(TOOLS_CHANGED) == []
    assert [stream.of(PROMPTS_CHANGED) for stream in tools] == [[], [], [], []]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_a_resource_s_change_is_told_to_those_who_asked_about_it(town: Town, opened: list[Exchange], era: str):
    uri, other = RESOURCES[era], RESOURCES["legacy" if era == "modern" else "modern"]
    listening = town.listen(resourceSubscriptions=[uri])
    elsewhere = town.listen(resourceSubscriptions=[other])
    client = town.legacy_client()
    following = client.listen()
    opened += [listening, elsewhere, following]
    until(lambda: following.comments)
    assert client.request("resources/subscribe", {"uri": uri}).wait()["result"] == {}

    def is_told() -> bool:
        town.servers[era].live.update(uri)
        return bool(following.of(UPDATED))

    until(is_told, every=0.1)
    assert following.of(UPDATED)[0] == {"jsonrpc": "2.0", "method": UPDATED, "params": {"uri": uri}}
    told = listening.wait_for(UPDATED)[0]["params"]
    assert told == {"_meta": {META_SUBSCRIPTION: 1}, "uri": uri}
    assert elsewhere.of(UPDATED) == []
    assert client.request("resources/unsubscribe", {"uri": uri}).wait()["result"] == {}
    before = len(following.of(UPDATED))
    town.servers[era].live.update(uri)
    town.servers[era].live.change("tools")
    following.wait_for(TOOLS_CHANGED)
    assert len(following.of(UPDATED)) == before


def test_what_nobody_offers_cannot_be_followed(town: Town):
    client = town.legacy_client()
    refused = client.request("resources/subscribe", {"uri": "test://nobody"}).wait()["error"]
    assert (refused["code"], refused["data"]) == (-32002, {"uri": "test://nobody"})
    del client.headers["Mcp-Session-Id"]
    sessionless = client.request("resources/subscribe", {"uri": RESOURCES["modern"]})
    assert "session" in sessionless.wait()["error"]["message"]


def test_of_a_session_s_streams_the_newest_is_the_only_one(town: Town, opened: list[Exchange]):
    client = town.legacy_client()
    streams: list[Exchange] = []
    for _ in range(4):
        stream = client.listen()
        until(lambda stream=stream: stream.comments)
        streams.append(stream)
    opened += streams
    until(lambda: not any(stream.is_alive() for stream in streams[:-1]))
    town.servers["modern"].live.change("tools")
    streams[-1].wait_for(TOOLS_CHANGED)


def test_a_session_that_ends_takes_its_stream_along(town: Town):
    client = town.legacy_client()
    stream = client.listen()
    until(lambda: stream.comments)
    assert client.end().status == 204
    stream.wait(TOLD_SECONDS)
    assert client.listen().wait()["error"]["code"] == -31404


def test_a_stream_without_a_session_is_not_offered(town: Town):
    refused = ModernSpeaker(town.gateway, "demo", town.token).send("GET", Accept="text/event-stream")
    refused.wait()
    assert refused.status == 405


def test_a_revoked_token_s_streams_end_within_a_second_and_say_why(town: Town):
    workspace = town.tenants.workspaces["demo"]
    token = town.tenants.add_token(workspace)
    streams = [
        ModernSpeaker(town.gateway, "demo", token).request(
            "subscriptions/listen", {"notifications": {"toolsListChanged": True}}
        ),
        LegacySpeaker(town.gateway, "demo", token).begin().listen(),
    ]
    until(lambda: streams[0].messages and streams[1].comments)
    digest = tokens.digest_of(token)
    with Redis.from_url(town.redis_url) as client:
        Publisher(client).confirm([Closing("token", "demo", digest, "revoked")])
    for stream in streams:
        stream.wait(TOLD_SECONDS)
    assert (streams[0].messages[-1]["id"], streams[0].messages[-1]["error"]["code"]) == (1, -31401)


def test_a_token_that_expires_takes_its_streams_along(town: Town):
    token = town.tenants.add_token(
        town.tenants.add_workspace("expiring"), expires_at=clock.now() + timedelta(seconds=2)
    )
    wanted = {"notifications": {"toolsListChanged": True}}
    stream = ModernSpeaker(town.gateway, "expiring", token).request("subscriptions/listen", wanted)
    stream.wait_for(ACKNOWLEDGED)
    assert stream.wait(12)["error"]["code"] == -31401


def test_a_server_that_is_added_is_told_within_seconds_and_watched(town: Town, opened: list[Exchange]):
    stream = town.listen(toolsListChanged=True)
    opened.append(stream)
    with a_live_server("modern") as added:
        town.tenants.add_server(town.tenants.workspaces["demo"], added.url, prefix="add", timeout=5)
        with Redis.from_url(town.redis_url) as client:  # as the portal does once the change is committed
            Publisher(client).confirm([Closing("workspace", "demo", None, "changed")])
        began = clock.monotonic()
        stream.wait_for(TOOLS_CHANGED)
        assert clock.monotonic() - began < 7
        until(lambda: added.live.open)
        told = len(stream.of(TOOLS_CHANGED))
        added.live.change("tools")
        stream.wait_for(TOOLS_CHANGED, told + 1)


def test_a_server_is_not_listened_to_when_its_last_client_has_left(town: Town):
    with a_live_server("modern") as watched:
        workspace = town.tenants.add_workspace("leaving")
        town.tenants.add_server(workspace, watched.url)
        token = town.tenants.add_token(workspace)
        wanted = {"notifications": {"toolsListChanged": True}}
        stream = ModernSpeaker(town.gateway, "leaving", token).request("subscriptions/listen", wanted)
        stream.wait_for(ACKNOWLEDGED)
        assert len(watched.live.open) == 1
        stream.leave()
        until(lambda: not watched.live.open, seconds=12)


def test_a_server_that_was_away_is_taken_to_have_changed(town: Town, opened: list[Exchange]):
    stream = town.listen(toolsListChanged=True)
    opened.append(stream)
    told = len(stream.of(TOOLS_CHANGED))
    town.servers["modern"].drop_connections()
    stream.wait_for(TOOLS_CHANGED, told + 1)
    until(lambda: town.servers["modern"].live.open)


def test_a_gateway_that_is_told_to_end_ends_its_streams_at_once_and_says_so(town: Town):
    streams = [town.listen("a", toolsListChanged=True) for _ in range(4)]
    following = town.legacy_client().listen()
    until(lambda: following.comments)
    began = clock.monotonic()
    town.gateway.stop()
    assert clock.monotonic() - began < 5
    for stream in streams:
        assert stream.wait() == {
            "jsonrpc": "2.0",
            "id": "a",
            "result": {"resultType": "complete", "_meta": {META_SUBSCRIPTION: "a"}},
        }
    assert following.wait() is None
    town.gateway.start()
