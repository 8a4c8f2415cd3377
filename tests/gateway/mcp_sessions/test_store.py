"""A session is its token's, lives for an hour of silence, and once it has ended nothing brings it back."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest
from redis import Redis

from common import redis_keys
from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.records import SESSION_MS, Question, TokenRecord, Verdict, WorkspaceRecord
from common.errors import Unavailable
from gateway.mcp_sessions.records import McpSession, is_session_id, parse_session
from gateway.mcp_sessions.store import MAX_SUBSCRIPTIONS, McpSessions, TooManySubscriptions
from tests.real.valkey import RealValkey
from tests.waiting import until

SLUG = "demo"
DANA = hashlib.sha256(b"Dana").digest()
ERIK = hashlib.sha256(b"Erik").digest()
SESSION = McpSession("2025-11-25", b'{"roots":{}}', "a client")
URI = "file:///\N{SNOWMAN} a b"


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def sessions(client: Redis) -> McpSessions:
    return McpSessions(client)


@pytest.fixture
def find(client: Redis) -> Iterator[Callable[..., McpSession | None]]:
    """What admission says of a session, as each request asks for it."""
    with closing(Asker(client, "boot", window_us=1)) as asker:
        for digest in (DANA, ERIK):
            lease = asker.lease(SLUG, digest, "nonce", token=True, workspace=True)
            asker.publish(lease, TokenRecord(0, 0, 1, "ref"), WorkspaceRecord("active", 1, 120))

        def find(id: str, digest: bytes = DANA) -> McpSession | None:
            (answer,) = asker.ask([Question(SLUG, digest, "call", 0, False, session=id)])
            assert answer.verdict in (Verdict.OK, Verdict.NO_SESSION)
            return parse_session(answer.session) if answer.verdict is Verdict.OK else None

        yield find


Find = Callable[..., McpSession | None]


def expire(client: Redis, id: str) -> None:
    key = redis_keys.mcp_session(SLUG, DANA, id)
    client.pexpire(key, 1)
    until(lambda: not client.exists(key), every=0.001)


def test_admission_finds_what_was_begun_under_its_own_token_only(sessions: McpSessions, find: Find):
    id = sessions.begin(SLUG, DANA, SESSION)
    assert is_session_id(id)
    assert find(id) == SESSION
    assert find(id, ERIK) is None


def test_no_two_sessions_have_one_id(sessions: McpSessions):
    assert len({sessions.begin(SLUG, DANA, SESSION) for _ in range(100)}) == 100


def test_it_ends_after_an_hour_of_silence(sessions: McpSessions, client: Redis, find: Find):
    id = sessions.begin(SLUG, DANA, SESSION)
    assert SESSION_MS - 60_000 < client.pttl(redis_keys.mcp_session(SLUG, DANA, id)) <= SESSION_MS
    expire(client, id)
    assert find(id) is None


def test_ended_it_is_gone_and_another_token_cannot_end_it(sessions: McpSessions, find: Find):
    id = sessions.begin(SLUG, DANA, SESSION)
    assert not sessions.end(SLUG, ERIK, id)
    assert find(id) == SESSION
    assert sessions.end(SLUG, DANA, id)
    assert find(id) is None
    assert not sessions.end(SLUG, DANA, id)


def test_the_level_of_its_log_is_remembered(sessions: McpSessions, find: Find):
    id = sessions.begin(SLUG, DANA, SESSION)
    assert sessions.set_level(SLUG, DANA, id, "warning")
    assert sessions.set_level(SLUG, DANA, id, "debug")
    assert find(id) == McpSession(SESSION.version, SESSION.capabilities, SESSION.client, "debug")


def test_what_it_follows_is_remembered_until_it_does_not_follow_it_any_more(sessions: McpSessions, find: Find):
    id = sessions.begin(SLUG, DANA, SESSION)
    assert sessions.subscriptions(SLUG, DANA, id) == frozenset()
    for uri in (URI, "state", URI):
        assert sessions.subscribe(SLUG, DANA, id, uri)
    assert sessions.subscriptions(SLUG, DANA, id) == {URI, "state"}
    assert sessions.unsubscribe(SLUG, DANA, id, "state")
    assert sessions.unsubscribe(SLUG, DANA, id, "never followed")
    assert sessions.subscriptions(SLUG, DANA, id) == {URI}
    assert find(id) == SESSION


def test_it_follows_so_many_resources_and_no_more(sessions: McpSessions):
    id = sessions.begin(SLUG, DANA, SESSION)
    for number in range(MAX_SUBSCRIPTIONS):
        assert sessions.subscribe(SLUG, DANA, id, f"file:///{number}")
    with pytest.raises(TooManySubscriptions):
        sessions.subscribe(SLUG, DANA, id, URI)
    assert sessions.subscribe(SLUG, DANA, id, "file:///0"), "it follows that already"
    assert sessions.set_level(SLUG, DANA, id, "info"), "full is full of resources"
    assert sessions.unsubscribe(SLUG, DANA, id, "file:///0")
    assert sessions.subscribe(SLUG, DANA, id, URI)
    assert len(sessions.subscriptions(SLUG, DANA, id)) == MAX_SUBSCRIPTIONS


def test_nothing_revives_a_session_that_has_expired_or_another_tokens(sessions: McpSessions, client: Redis, find: Find):
    id = sessions.begin(SLUG, DANA, SESSION)
    for digest in (ERIK, DANA):
        assert not sessions.set_level(SLUG, digest, id, "debug") or digest is DANA
        if digest is DANA:
            expire(client, id)
        assert not sessions.set_level(SLUG, digest, id, "debug")
        assert not sessions.subscribe(SLUG, digest, id, URI)
        assert not sessions.unsubscribe(SLUG, digest, id, URI)
        assert sessions.subscriptions(SLUG, digest, id) == frozenset()
        assert client.exists(redis_keys.mcp_session(SLUG, digest, id)) == 0


def test_one_that_expires_while_its_level_is_set_stays_gone(sessions: McpSessions, client: Redis):
    """Between the reading of the state and its writing: the script has the last word."""
    id = sessions.begin(SLUG, DANA, SESSION)
    send = sessions._send

    def send_after_an_hour(*commands):  # type: ignore[no-untyped-def]  # stands between the two
        if commands[0][0] == "EVAL":
            expire(client, id)
        return send(*commands)

    sessions._send = send_after_an_hour  # type: ignore[method-assign]  # as above
    assert not sessions.set_level(SLUG, DANA, id, "debug")
    assert client.exists(redis_keys.mcp_session(SLUG, DANA, id)) == 0


def test_what_it_follows_prolongs_nothing(sessions: McpSessions, client: Redis):
    id = sessions.begin(SLUG, DANA, SESSION)
    key = redis_keys.mcp_session(SLUG, DANA, id)
    client.pexpire(key, 60_000)
    sessions.subscribe(SLUG, DANA, id, URI)
    sessions.set_level(SLUG, DANA, id, "debug")
    assert 0 < client.pttl(key) <= 60_000


def test_a_session_and_what_it_follows_outlive_a_restart_of_redis(
    sessions: McpSessions, valkey: RealValkey, client: Redis
):
    id = sessions.begin(SLUG, DANA, SESSION)
    sessions.subscribe(SLUG, DANA, id, URI)
    valkey.restart()
    assert sessions.subscriptions(SLUG, DANA, id) == {URI}
    assert sessions.set_level(SLUG, DANA, id, "debug")
    assert 0 < client.pttl(redis_keys.mcp_session(SLUG, DANA, id)) <= SESSION_MS


def test_without_redis_everybody_is_told_so(sessions: McpSessions, valkey: RealValkey):
    id = sessions.begin(SLUG, DANA, SESSION)
    valkey.stop()
    try:
        for attempt in (
            lambda: sessions.begin(SLUG, DANA, SESSION),
            lambda: sessions.end(SLUG, DANA, id),
            lambda: sessions.set_level(SLUG, DANA, id, "debug"),
            lambda: sessions.subscribe(SLUG, DANA, id, URI),
            lambda: sessions.unsubscribe(SLUG, DANA, id, URI),
            lambda: sessions.subscriptions(SLUG, DANA, id),
        ):
            with pytest.raises(Unavailable):
                attempt()
    finally:
        valkey.start()
