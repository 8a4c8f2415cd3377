"""What people and models meet when a server fails: a sentence to act on, and all other servers as before."""

import itertools
import json
import re
import time
import uuid
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
from redis import Redis

from common import redis_keys
from common.admission.records import parse_record
from common.db import make_engine
from gateway.protocol.refusals import UPSTREAM_FAILED
from tests.cast import make_settings, variables_of
from tests.journeys.misfortunes import ASKED, MISFORTUNES, Certificates, Misfortune, Surroundings, server_of
from tests.real.gateway import Answer, RealGateway
from tests.real.names import Names
from tests.real.schema import migrate
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey
from tests.waiting import until
from upstream.breaker import FAULTS_IN_A_ROW
from upstream.eras import LEGACY_VERSIONS, MODERN_VERSION
from upstream.fake import FakeUpstream
from upstream.fake_faults import status
from upstream.faults import MAY_HAVE_RUN

CLIENTS = ("legacy", "modern")
SECRET = "k3y-of-the-server"
LEGACY_VERSION = LEGACY_VERSIONS[0]
TIMEOUT = 1
# No call takes longer than its timeout; the rest is for a crowded machine.
CALL_SECONDS = TIMEOUT + 2
# A first list waits five seconds for a server; the rest is for a crowded machine.
LIST_SECONDS = 7
MODERN_META = {
    "io.modelcontextprotocol/protocolVersion": MODERN_VERSION,
    "io.modelcontextprotocol/clientCapabilities": {},
}
CALL = {"name": "bad__echo", "arguments": {"text": "hello"}}
GET = {"name": "bad__greet"}


class Workspace(NamedTuple):
    slug: str
    id: uuid.UUID
    token: str


class Town:
    """A real gateway, and workspaces that each have the server at fault (`bad`) and a good one (`good`)."""

    def __init__(self, gateway: RealGateway, tenants: Tenants, redis: Redis, surroundings: Surroundings) -> None:
        self.gateway, self.tenants, self.redis, self.surroundings = gateway, tenants, redis, surroundings
        self.good = FakeUpstream()
        self._numbers = itertools.count(1)
        self._mcp_sessions: dict[str, str] = {}

    def add_workspace(self, bad: str) -> Workspace:
        slug = f"place-{next(self._numbers)}"
        id = self.tenants.add_workspace(slug)
        url = f"{bad}?key={SECRET}"
        self.tenants.add_server(id, url, prefix="bad", headers=[("X-Key", SECRET)], timeout=TIMEOUT)
        self.tenants.add_server(id, self.good.url, prefix="good", timeout=TIMEOUT)
        return Workspace(slug, id, self.tenants.add_token(id))

    def add_another(self, place: Workspace) -> None:
        """One more good server: every list of this workspace is made anew."""
        self.tenants.add_server(place.id, f"{self.good.url}?another", prefix="more", timeout=TIMEOUT)
        self.redis.delete(redis_keys.workspace(place.slug))

    def ask(self, client: str, place: Workspace, method: str, params: dict[str, Any] | None = None) -> Answer:
        """Legacy clients have a session, as they do in life."""
        params = params or {}
        if client == "legacy":
            headers = {"MCP-Protocol-Version": LEGACY_VERSION, "Mcp-Session-Id": self._mcp_session(place)}
        else:
            params = {**params, "_meta": {**MODERN_META, **params.get("_meta", {})}}
            headers = {"MCP-Protocol-Version": MODERN_VERSION, "Mcp-Method": method}
            if "name" in params:
                headers["Mcp-Name"] = params["name"]
        message = {"jsonrpc": "2.0", "id": f"{client}-1", "method": method, "params": params}
        return self.gateway.post(place.slug, place.token, message, headers)

    def _mcp_session(self, place: Workspace) -> str:
        if place.slug not in self._mcp_sessions:
            params = {
                "protocolVersion": LEGACY_VERSION,
                "capabilities": {},
                "clientInfo": {"name": "t", "version": "1"},
            }
            opening = {"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}
            opened = self.gateway.post(place.slug, place.token, opening)
            self._mcp_sessions[place.slug] = opened.headers["mcp-session-id"]
        return self._mcp_sessions[place.slug]

    def names(self, client: str, place: Workspace, kind: str = "tools") -> list[str]:
        return [item["name"] for item in self.ask(client, place, f"{kind}/list").body["result"][kind]]

    def records(self, place: Workspace, method: str, count: int) -> list[dict[str, Any]]:
        """Of the calls of this method, once there are so many."""
        stream = redis_keys.calls(redis_keys.shard(place.slug))

        def look() -> list[dict[str, Any]]:
            entries: Any = self.redis.xrange(stream)
            records = [parse_record(fields[b"record"]) for _, fields in entries]
            found = [each for each in records if (each["workspace"], each["method"]) == (place.id.hex, method)]
            return found if len(found) >= count else []

        return until(look)


@pytest.fixture(scope="module")
def town(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    folder = tmp_path_factory.mktemp("town")
    surroundings = Surroundings(Names(folder / "names"), Certificates(folder / "certificates"))
    database = migrate(f"sqlite:///{folder}/stoa.db")
    engine = make_engine(database)
    variables = variables_of(make_settings(database, valkey.empty()))
    # These tests are not about the rate: a window of a millisecond is always empty again.
    variables |= {"STOA_RATE_WINDOW": "0.001", **surroundings.names.variables, **surroundings.certificates.variables}
    gateway = RealGateway(folder, variables)
    gateway.start()
    with Redis.from_url(valkey.url) as redis:
        town = Town(gateway, Tenants(engine), redis, surroundings)
        with town.good:
            yield town
    gateway.stop()
    engine.dispose()


def response_of(answer: Answer) -> dict[str, Any]:
    """The one response, whole or as the last event of a stream."""
    assert answer.status == 200, answer
    if isinstance(answer.body, dict):
        return answer.body
    events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith("data: ")]
    assert all("method" in event for event in events[:-1])
    return events[-1]


def require_sentence(sentence: str, misfortune: Misfortune, host: str) -> None:
    """It names the server as people know it, says what to do, and gives nothing away."""
    assert sentence.startswith("bad: "), sentence
    assert host in sentence
    assert misfortune.words in sentence, sentence
    assert sentence.endswith(".")
    assert SECRET not in sentence


@pytest.mark.parametrize("era", ["legacy", "modern"])
@pytest.mark.parametrize("what", MISFORTUNES)
def test_a_server_that_fails_is_told_of_in_its_calls_and_takes_nothing_else_with_it(
    town: Town, what: str, era: str
) -> None:
    misfortune = MISFORTUNES[what]
    with server_of(era, misfortune.way, town.surroundings) as bad:
        place, late = town.add_workspace(bad.url), town.add_workspace(bad.url)
        for client in CLIENTS:
            assert town.names(client, place) == ["bad__echo", "good__echo"]
            assert town.names(client, place, "prompts") == ["bad__greet"]
        misfortune.begin(bad)

        for client in CLIENTS:
            began = time.monotonic()
            told = response_of(town.ask(client, place, "tools/call", CALL))
            assert time.monotonic() - began < CALL_SECONDS
            assert set(told) == {"jsonrpc", "id", "result"}
            assert told["id"] == f"{client}-1"
            result = told["result"]
            assert result["isError"] is True
            (block,) = result["content"]
            require_sentence(block["text"], misfortune, bad.host)
            assert (MAY_HAVE_RUN in block["text"]) == misfortune.may_have_run, block["text"]
            assert (result.get("resultType") == "complete") == (client == "modern")

            told = response_of(town.ask(client, place, "prompts/get", GET))
            assert set(told) == {"jsonrpc", "id", "error"}
            assert told["id"] == f"{client}-1"
            assert told["error"]["code"] == UPSTREAM_FAILED
            require_sentence(told["error"]["message"], misfortune, bad.host)
            wait = misfortune.retry_after
            assert told["error"].get("data") == (None if wait is None else {"retryAfter": wait})

        for method in ("tools/call", "prompts/get"):
            for record in town.records(place, method, len(CLIENTS)):
                assert (record["outcome"], record["decision"]) == ("upstream_error", misfortune.code)
                assert record["server"], "it is known whose fault it was"

        town.add_another(place)
        for client in CLIENTS:
            assert town.names(client, place) == ["bad__echo", "good__echo", "more__echo"], "its last list stands in"
            began = time.monotonic()
            assert town.names(client, late) == ["good__echo"], "it was not seen there before it failed"
            assert time.monotonic() - began < LIST_SECONDS
            said = response_of(town.ask(client, late, "tools/call", {**CALL, "name": "good__echo"}))
            assert said["result"]["content"][0]["text"] == '{"text":"hello"}'


@pytest.mark.parametrize("client", CLIENTS)
def test_a_stream_that_has_begun_ends_with_the_fault(town: Town, client: str) -> None:
    misfortune = MISFORTUNES["stream cut midway"]
    with server_of("legacy", "", town.surroundings) as bad:
        place = town.add_workspace(bad.url)
        assert "bad__echo" in town.names(client, place)
        misfortune.begin(bad)
        answer = town.ask(client, place, "tools/call", {**CALL, "_meta": {"progressToken": "t"}})
        assert answer.headers["content-type"] == "text/event-stream"
        assert '"progressToken":"t"' in answer.body
        told = response_of(answer)
        assert (told["id"], told["result"]["isError"]) == (f"{client}-1", True)
        require_sentence(told["result"]["content"][0]["text"], misfortune, bad.host)
        (record,) = town.records(place, "tools/call", 1)
        assert (record["outcome"], record["decision"]) == ("upstream_error", "cut")


@pytest.mark.parametrize("client", CLIENTS)
def test_a_tool_of_a_server_that_was_never_seen_is_unknown_and_the_server_is_named(town: Town, client: str) -> None:
    with server_of("modern", "", town.surroundings) as bad:
        MISFORTUNES["refuses connections"].begin(bad)
        place = town.add_workspace(bad.url)
        told = town.ask(client, place, "tools/call", CALL).body
        assert told["error"]["code"] == -32602
        assert told["error"]["message"].endswith("Not answering at the moment: bad.")


@pytest.mark.parametrize("what", ["401", "403"])
@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_s_own_refusal_of_its_credentials_is_never_the_client_s(town: Town, client: str, what: str) -> None:
    with server_of("legacy", "", town.surroundings) as bad:
        MISFORTUNES[what].begin(bad)
        place = town.add_workspace(bad.url)
        for method, params in (
            ("server/discover" if client == "modern" else "ping", {}),
            ("tools/list", {}),
            ("prompts/list", {}),
            ("resources/list", {}),
            ("tools/call", CALL),
            ("prompts/get", GET),
        ):
            answer = town.ask(client, place, method, params)
            assert answer.status == 200, method
            assert "www-authenticate" not in answer.headers


@pytest.mark.parametrize("client", CLIENTS)
def test_a_server_that_keeps_failing_is_left_alone_for_seconds_and_then_used_again(town: Town, client: str) -> None:
    with server_of("modern", "", town.surroundings) as bad:
        place = town.add_workspace(bad.url)
        assert "bad__echo" in town.names(client, place)
        assert "bad__greet" in town.names(client, place, "prompts")
        MISFORTUNES["resets the connection"].begin(bad)
        for _ in range(FAULTS_IN_A_ROW):
            told = response_of(town.ask(client, place, "tools/call", CALL))
            assert "closed the connection" in told["result"]["content"][0]["text"]

        def refusal(method: str, params: dict[str, Any]) -> dict[str, Any]:
            """What is said when the server is not even asked; empty when this was the call that tries it."""
            asked = bad.fake.count(method)
            told = response_of(town.ask(client, place, method, params))
            return told if bad.fake.count(method) == asked else {}

        text = until(lambda: refusal("tools/call", CALL))["result"]["content"][0]["text"]
        assert re.fullmatch(r"bad: .* is left alone for a moment\. Try again in [1-4] s\.", text)
        error = until(lambda: refusal("prompts/get", GET))["error"]
        assert error["code"] == UPSTREAM_FAILED
        assert error["message"].endswith(f"Try again in {error['data']['retryAfter']} s.")
        assert town.records(place, "tools/call", FAULTS_IN_A_ROW + 1)[-1]["decision"] == "circuit_open"
        for method in ASKED:
            bad.fake.always(method, None)
        until(lambda: not response_of(town.ask(client, place, "tools/call", CALL))["result"].get("isError"), seconds=5)


def test_a_server_that_asks_for_patience_is_asked_for_its_list_when_that_is_over_and_no_sooner(town: Town) -> None:
    with server_of("modern", "", town.surroundings) as bad:
        bad.fake.script("tools/list", status(429, Retry_After="4"))
        place = town.add_workspace(bad.url)
        began = time.monotonic()
        assert town.names("modern", place) == ["good__echo"]
        until(lambda: "bad__echo" in town.names("modern", place))
        assert 3.5 < time.monotonic() - began < 8
        assert bad.fake.count("tools/list") == 2
