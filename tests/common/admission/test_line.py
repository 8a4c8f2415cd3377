"""What may be sent twice gets through wherever a second round does, and says in its own words when it does not."""

import pytest
from redis import Redis

from common.admission.line import connect, send_twice
from common.errors import Unavailable
from tests.real.valkey import RealValkey

REFUSAL = "Not at the moment."


@pytest.fixture
def client(redis_url: str) -> Redis:
    return connect(redis_url)


def test_all_answers_come_in_order(client: Redis) -> None:
    assert send_twice(client, [("ECHO", "one"), ("ECHO", "two")], REFUSAL) == [b"one", b"two"]
    assert send_twice(client, [], REFUSAL) == []


def test_a_kept_connection_that_died_with_an_old_server_is_not_noticed(client: Redis, valkey: RealValkey) -> None:
    send_twice(client, [("PING",)], REFUSAL)
    valkey.restart()
    assert send_twice(client, [("ECHO", "again")], REFUSAL) == [b"again"]


def test_a_server_that_stays_away_is_told_in_the_words_given(client: Redis, valkey: RealValkey) -> None:
    valkey.stop()
    try:
        with pytest.raises(Unavailable, match=REFUSAL):
            send_twice(client, [("PING",)], REFUSAL)
    finally:
        valkey.start()


def test_a_replica_that_answers_with_errors_counts_as_away(client: Redis) -> None:
    client.replicaof("127.0.0.1", "1")
    try:
        with pytest.raises(Unavailable, match=REFUSAL):
            send_twice(client, [("SET", "key", "value")], REFUSAL)
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")
