"""What is open under a token or a server ends within a second of the change that closes it."""

import http.client
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redis import Redis

from common import clock, redis_keys
from common.admission.records import parse_record
from common.models import Token
from gateway.stages.split import BATCHED_AT_ONCE
from tests.cast import Cast
from tests.journeys.conftest import Start, add_server
from tests.real.gateway import RealGateway
from tests.real.speakers import LegacySpeaker, ModernSpeaker
from tests.waiting import until
from upstream.fake import FakeUpstream
from upstream.fake_faults import hang, progress
from upstream.fake_talk import FORM, asks
from webapp.services import servers, tokens, workspaces

CUT_SECONDS = 1.0
ECHO = {"name": "demo__echo", "arguments": {}}


def recorded(cast: Cast, redis: Redis) -> list[dict[str, Any]]:
    """The records of the workspace's calls that have ended, as the gateways wrote them."""
    entries: Any = redis.xrange(redis_keys.calls(redis_keys.shard(cast.workspace.slug)))
    return [parse_record(fields[b"record"]) for _, fields in entries]


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream("both") as fake:
        yield fake


class OpenCall(threading.Thread):
    """A call that stays open: what has arrived of its answer so far, and when it ended."""

    def __init__(self, gateway: RealGateway, slug: str, token: str, *, streams: bool) -> None:
        super().__init__()
        self._gateway = gateway
        self._slug = slug
        params: dict[str, Any] = {"name": "demo__echo", "arguments": {}}
        if streams:
            params["_meta"] = {"progressToken": "p"}
        self._body = json.dumps({"jsonrpc": "2.0", "id": 9, "method": "tools/call", "params": params})
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
        }
        self.status = 0
        self.received = b""
        self.ended = 0.0

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._gateway.port, timeout=30)
        connection.request("POST", f"/ws/{self._slug}", self._body, self._headers)
        response = connection.getresponse()
        self.status = response.status
        while piece := response.read1(4096):
            self.received += piece
        self.ended = clock.monotonic()
        connection.close()

    def last_message(self) -> dict[str, Any]:
        lines = [line for line in self.received.decode().splitlines() if line.strip()]
        return json.loads(lines[-1].removeprefix("data: "))


@pytest.mark.parametrize("streams", [True, False], ids=["stream", "json"])
@pytest.mark.parametrize("change", ["revoke", "disable", "delete"])
def test_an_open_call_ends_within_a_second_of_the_change(
    cast: Cast, start_gateway: Start, upstream: FakeUpstream, change: str, streams: bool
):
    server = add_server(cast, upstream)
    gateway = start_gateway(processes=2)
    upstream.always("tools/call", progress(*range(1000), pause=0.05) if streams else hang)
    call = OpenCall(gateway, cast.workspace.slug, cast.dana_plaintext, streams=streams)
    call.start()
    until(lambda: b'"progress"' in call.received if streams else upstream.count("tools/call"))
    with cast.acts(cast.alice) as ctx:
        if change == "revoke":
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
        elif change == "disable":
            servers.set_enabled(ctx, cast.workspace.id, server.id, False)
        else:
            workspaces.delete_workspace(ctx, cast.workspace.id, typed_slug=cast.workspace.slug)
    changed = clock.monotonic()
    assert ctx.receipt is not None
    assert ctx.receipt.streams_told == 1
    call.join(10)
    assert not call.is_alive()
    assert call.ended - changed <= CUT_SECONDS
    assert call.last_message()["id"] == 9
    assert call.last_message()["error"]["code"] == (-32602 if change == "disable" else -31401)
    assert call.status == (200 if streams or change == "disable" else 401)


def test_a_call_on_another_server_goes_on_when_one_is_disabled(
    cast: Cast, start_gateway: Start, upstream: FakeUpstream
):
    add_server(cast, upstream)
    with FakeUpstream("legacy") as other:
        with cast.looks(cast.alice) as ctx:
            draft = servers.plan_server(ctx, cast.workspace.id, name="Other", prefix="other", url=other.url)
        probe = servers.probe_draft(cast.resources.settings, draft)
        with cast.acts(cast.alice) as ctx:
            second = servers.add_server(ctx, cast.workspace.id, draft, probe)
        gateway = start_gateway(processes=2)
        upstream.always("tools/call", progress(*range(30), pause=0.05))
        call = OpenCall(gateway, cast.workspace.slug, cast.dana_plaintext, streams=True)
        call.start()
        until(lambda: b'"progress"' in call.received)
        with cast.acts(cast.alice) as ctx:
            servers.set_enabled(ctx, cast.workspace.id, second.id, False)
        call.join(20)
        assert call.last_message()["result"]["content"][0]["text"] == "done"


def test_a_parked_call_is_let_go_of_when_its_token_is_revoked(cast: Cast, start_gateway: Start):
    with FakeUpstream("legacy") as upstream:
        add_server(cast, upstream)
        gateway = start_gateway(processes=2)
        upstream.always("tools/call", asks(FORM))
        client = ModernSpeaker(gateway, cast.workspace.slug, cast.dana_plaintext, {"elicitation": {}})
        parked = client.call("demo__echo").wait()["result"]
        assert parked["resultType"] == "input_required"
        with cast.acts(cast.alice) as ctx:
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
        until(lambda: upstream.count("notifications/cancelled") == 1, seconds=CUT_SECONDS)
        again = client.call("demo__echo", inputResponses={"question": {}}, requestState=parked["requestState"])
        again.wait()
        assert again.status == 401


def test_a_batch_ends_with_its_token_and_every_one_of_its_calls_is_recorded(
    cast: Cast, start_gateway: Start, upstream: FakeUpstream, redis_url: str
):
    add_server(cast, upstream)
    gateway = start_gateway(processes=1)
    upstream.always("tools/call", hang)
    call = {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "demo__echo", "arguments": {}}}
    client = LegacySpeaker(gateway, cast.workspace.slug, cast.dana_plaintext)
    batch = client.send("POST", [call | {"id": number} for number in range(40)])
    until(lambda: upstream.count("tools/call") == BATCHED_AT_ONCE)
    with cast.acts(cast.alice) as ctx:
        tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
    batch.wait(5)
    assert batch.status == 401
    with Redis.from_url(redis_url) as redis:
        until(lambda: len(recorded(cast, redis)) == 40)
        assert {each["outcome"] for each in recorded(cast, redis)} == {"cut"}
    assert upstream.count("tools/call") == BATCHED_AT_ONCE


def test_what_is_open_ends_when_its_token_expires(cast: Cast, start_gateway: Start, upstream: FakeUpstream):
    add_server(cast, upstream)
    gateway = start_gateway(processes=2)
    upstream.always("tools/call", hang)
    expires_at = clock.now() + timedelta(seconds=2)
    with cast.session() as session:
        session.get_one(Token, cast.dana.id).expires_at = expires_at
    where = gateway, cast.workspace.slug, cast.dana_plaintext
    legacy, modern = LegacySpeaker(*where).begin(), ModernSpeaker(*where)
    following = legacy.listen()
    listening = modern.request("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
    calls = [legacy.call("demo__echo"), modern.call("demo__echo")]
    batch = LegacySpeaker(*where).send("POST", [{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": ECHO}])
    until(lambda: following.comments and listening.messages and upstream.count("tools/call") == 3)
    expiring = clock.monotonic() + (expires_at - clock.now()).total_seconds()
    every = [following, listening, *calls, batch]
    assert clock.monotonic() < expiring, "the machine is too slow for this test"
    for each in every:
        each.wait()
    assert all(0 <= each.ended - expiring <= CUT_SECONDS for each in every)
    assert [each.messages[-1]["error"]["code"] for each in (listening, *calls, batch)] == [-31401] * 4
    assert [each.status for each in every] == [200, 200, 401, 401, 401]
    refused = modern.call("demo__echo")
    refused.wait()
    assert refused.status == 401
