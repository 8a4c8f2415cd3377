"""Log levels: a legacy session is set when somebody wants to hear more; a modern request says it itself."""

import pytest

from tests.upstream.servers import ECHO, Shelf, Upstreams
from upstream.client import Upstream
from upstream.fake import FakeUpstream
from upstream.fake_talk import logs
from upstream.levels import LEVELS, UNSET, rank_of


def heard(upstream: Upstream, level: str) -> list[str]:
    reply = upstream.call("tools/call", ECHO, log_level=level)
    messages = [bytes(event["params"]).decode() for event in reply.events or () if "method" in event]
    reply.close()
    return [each for each in LEVELS if any(f'"level":"{each}"' in text.replace(" ", "") for text in messages)]


@pytest.fixture
def talkative(fake: FakeUpstream) -> FakeUpstream:
    fake.capabilities = {"tools": {}, "logging": {}}
    fake.always("tools/call", logs(*((level, "said") for level in LEVELS)))
    return fake


def test_levels_are_ranked_from_the_most_verbose() -> None:
    assert [rank_of(level) for level in ("debug", "emergency", "loud")] == [0, 7, UNSET]


def test_a_caller_hears_at_least_what_it_asked_for(talkative: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(talkative.url)
    assert heard(upstream, "error") == list(LEVELS[4:])
    assert heard(upstream, "debug") == list(LEVELS)


def test_a_legacy_session_is_set_only_to_be_more_verbose(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        upstream = upstream_at(fake.url)
        for level in ("", "error", "error", "critical", "info", "warning", "info", "nonsense"):
            upstream.call("tools/call", ECHO, log_level=level).close()
        assert [each.params for each in fake.requests if each.method == "logging/setLevel"] == [
            {"level": "error"},
            {"level": "info"},
        ]
        fake.sessions.clear()
        upstream.call("tools/call", ECHO, log_level="notice").close()
        assert fake.levels == {"session-1": "info", "session-2": "notice"}


def test_a_modern_request_says_it_and_nobody_is_set(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern", live=True) as fake:
        upstream_at(fake.url).call("tools/call", ECHO, log_level="notice").close()
        assert fake.last("tools/call").params["_meta"]["io.modelcontextprotocol/logLevel"] == "notice"
        assert fake.count("logging/setLevel") == 0


def test_a_server_without_logging_is_not_asked(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        upstream_at(fake.url).call("tools/call", ECHO, log_level="debug").close()
        assert fake.count("logging/setLevel") == 0


def test_a_server_that_refuses_to_be_set_is_called_all_the_same(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", live=True) as fake:
        fake.always("logging/setLevel", lambda turn: turn.refuse(400, -32603, "no"))
        upstream = upstream_at(fake.url)
        for _ in range(2):
            assert "result" in upstream.call("tools/call", ECHO, log_level="debug").response()
        assert fake.count("logging/setLevel") == 1


def test_no_process_makes_a_shared_session_less_verbose(upstream_at: Upstreams) -> None:
    shelf = Shelf()
    with FakeUpstream("legacy", live=True) as fake:
        one, other = upstream_at(fake.url, store=shelf), upstream_at(fake.url, store=shelf)
        for upstream, level in ((one, "warning"), (other, "debug"), (one, "info"), (other, "error")):
            upstream.call("tools/call", ECHO, log_level=level).close()
        assert fake.levels == {"session-1": "debug"}
        assert fake.count("logging/setLevel") == 2
