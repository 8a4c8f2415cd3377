"""What the real client does when replies are lost and servers fail: nobody pays twice, nobody waits for ever."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from redis import Redis

from common import redis_keys
from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.publish import Publisher
from common.admission.records import Closing, Ending, Verdict, WorkspaceRecord
from common.clock import monotonic
from common.errors import Unavailable
from tests.contracts.lossy import LossyProxy
from tests.contracts.sides import (
    DANA,
    HOUR_US,
    SESSION,
    SLUG,
    TOKEN,
    WORKSPACE,
    ask,
    question,
    read_records,
    verdict,
    write_session,
)
from tests.real.valkey import RealValkey

REVOKE = Closing("token", SLUG, DANA, "token.revoke")


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.fixture
def proxy(valkey: RealValkey, redis_url: str, tmp_path: Path) -> Iterator[LossyProxy]:
    with LossyProxy(tmp_path / "proxy.sock", valkey.socket) as proxy:
        yield proxy


@pytest.fixture
def asker(proxy: LossyProxy) -> Iterator[Asker]:
    """One that reaches Valkey through the proxy, with a workspace of limit 2 loaded."""
    with connect(proxy.url) as client, closing(Asker(client, "boot-1", HOUR_US)) as asker:
        load(asker, WorkspaceRecord("active", 1, 2))
        ask(asker, "warm", cost=0)  # the server has the scripts now: a lost reply is that of a script that ran
        asker.end([Ending(SLUG, "warm", {}, only_if_noted=True)])
        yield asker


def load(asker: Asker, workspace: WorkspaceRecord = WORKSPACE) -> None:
    asker.publish(asker.lease(SLUG, DANA, "loader", token=True, workspace=True), TOKEN, workspace)


class TestLostReplies:
    def test_a_question_asked_twice_takes_one_place(self, asker: Asker, proxy: LossyProxy):
        proxy.lose_the_reply_to(b"call-1")
        first, second = asker.ask([question("call-1"), question("call-2")])
        assert (first.verdict, second.verdict) == (Verdict.AGAIN, Verdict.AGAIN)
        assert not first.in_doubt
        assert verdict(asker, "call-3") is Verdict.LIMITED

    def test_two_lost_replies_refuse_and_leave_a_call_that_can_be_ended(self, asker: Asker, proxy: LossyProxy):
        proxy.lose_the_reply_to(b"call-1")
        proxy.lose_the_reply_to(b"call-1")
        answer = ask(asker, "call-1")
        assert (answer.verdict, answer.in_doubt) == (Verdict.UNAVAILABLE, True)
        assert asker.end([Ending(SLUG, "call-1", {"outcome": "interrupted"}, only_if_noted=True)]) == 1

    def test_a_call_noted_and_then_revoked_is_in_doubt(self, asker: Asker, proxy: LossyProxy, client: Redis):
        proxy.lose_the_reply_to(b"call-1", meanwhile=lambda: Publisher(client).deny([REVOKE]))
        answer = ask(asker, "call-1")
        assert (answer.verdict, answer.in_doubt) == (Verdict.CLOSING, True)
        assert asker.end([Ending(SLUG, "call-1", {"outcome": "refused"}, only_if_noted=True)]) == 1

    def test_a_call_whose_session_ended_meanwhile_is_in_doubt(self, asker: Asker, proxy: LossyProxy, client: Redis):
        write_session(client)
        proxy.lose_the_reply_to(b"call-1", meanwhile=lambda: client.delete(redis_keys.mcp_session(SLUG, DANA, SESSION)))
        answer = ask(asker, "call-1", session=SESSION)
        assert (answer.verdict, answer.in_doubt) == (Verdict.NO_SESSION, True)
        assert asker.end([Ending(SLUG, "call-1", {"outcome": "refused"}, only_if_noted=True)]) == 1

    def test_a_frozen_workspace_stays_shut_to_the_second_copy(self, asker: Asker, proxy: LossyProxy, client: Redis):
        Publisher(client).confirm([Closing("workspace", SLUG, None, "workspace.freeze")])
        load(asker, WorkspaceRecord("frozen", 2, 2))
        proxy.lose_the_reply_to(b"call-1")
        assert verdict(asker, "call-1") is Verdict.FROZEN

    def test_an_ending_sent_twice_counts_by_its_id(self, asker: Asker, proxy: LossyProxy, client: Redis):
        verdict(asker, "call-1")
        proxy.lose_the_reply_to(b"call-1")
        asker.end([Ending(SLUG, "call-1", {"outcome": "ok"})])
        assert read_records(client) == [("call-1", {"outcome": "ok"})] * 2

    def test_a_lease_and_what_it_publishes_may_be_sent_twice(self, asker: Asker, proxy: LossyProxy, client: Redis):
        client.flushall()
        proxy.lose_the_reply_to(b"the-nonce")
        lease = asker.lease(SLUG, DANA, "the-nonce", token=True, workspace=True)
        assert (lease.token, lease.workspace) == (True, True)
        proxy.lose_the_reply_to(b"the-nonce")
        assert not asker.publish(lease, TOKEN, WORKSPACE), "nobody knows: ask again"
        assert verdict(asker, "call-1") is Verdict.OK

    def test_every_connection_reads_the_epoch_before_it_asks(self, asker: Asker, proxy: LossyProxy):
        for call_id in ("call-1", "call-2", "call-3"):
            proxy.lose_the_reply_to(call_id.encode())
            ask(asker, call_id)
        conversations = [bytes(sent) for sent in proxy.sent if b"EVALSHA" in sent]
        assert len(conversations) >= 5
        assert all(sent.index(b"INFO") < sent.index(b"EVALSHA") for sent in conversations)


class TestServerFaults:
    @pytest.fixture
    def asker(self, client: Redis) -> Iterator[Asker]:
        with closing(Asker(client, "boot-1", HOUR_US)) as asker:
            load(asker)
            yield asker

    def test_a_server_that_lost_its_scripts_gets_them_anew(self, asker: Asker, client: Redis):
        assert verdict(asker, "call-1") is Verdict.OK
        client.script_flush()
        answers = asker.ask([question(f"call-{n}") for n in range(2, 200)])
        assert {answer.verdict for answer in answers} == {Verdict.OK, Verdict.LIMITED}
        client.script_flush()
        assert asker.end([Ending(SLUG, "call-1", {})]) == 1

    def test_while_the_server_is_gone_nothing_is_admitted_and_nothing_hangs(self, asker: Asker, valkey: RealValkey):
        publisher = Publisher(connect(valkey.url))
        valkey.stop()
        began = monotonic()
        answers = asker.ask([question("call-1"), question("call-2", cost=0)])
        assert [answer.verdict for answer in answers] == [Verdict.UNAVAILABLE] * 2
        assert [answer.in_doubt for answer in answers] == [True, False]
        for attempt in (
            lambda: asker.end([Ending(SLUG, "call-1", {})]),
            lambda: asker.lease(SLUG, DANA, "n", token=True, workspace=True),
            asker.heartbeat,
            asker.refresh_epoch,
            lambda: asker.latest_cuts([1]),
            lambda: publisher.deny([REVOKE]),
            lambda: publisher.confirm([REVOKE]),
        ):
            with pytest.raises(Unavailable):
                attempt()
        assert monotonic() - began < 5
        valkey.start()
        assert verdict(asker, "call-1") is Verdict.LOAD
        assert publisher.confirm([REVOKE]).streams_told == 0
        assert verdict(asker, "call-1") is Verdict.DEAD

    def test_a_server_that_is_slow_beyond_the_timeout_takes_one_place(self, asker: Asker, client: Redis):
        assert verdict(asker, "call-0") is Verdict.OK
        client.client_pause(1200)
        assert verdict(asker, "call-1") in (Verdict.OK, Verdict.AGAIN)
        answers = asker.ask([question(f"call-{n}") for n in range(2, 122)])
        assert [answer.verdict for answer in answers].count(Verdict.OK) == 118

    def test_a_full_server_refuses_and_notes_nothing(self, asker: Asker, client: Redis):
        client.config_set("maxmemory", 1)
        try:
            assert verdict(asker, "call-1") is Verdict.UNAVAILABLE
        finally:
            client.config_set("maxmemory", 0)
        assert asker.end([Ending(SLUG, "call-1", {}, only_if_noted=True)]) == 0
        assert verdict(asker, "call-1") is Verdict.OK

    def test_a_primary_that_was_replaced_in_place_is_of_another_epoch(self, asker: Asker, client: Redis):
        before = asker.refresh_epoch()
        client.replicaof("127.0.0.1", "1")
        assert verdict(asker, "call-1") is Verdict.UNAVAILABLE
        client.execute_command("REPLICAOF", "NO", "ONE")
        assert verdict(asker, "call-1") is Verdict.LOAD
        assert asker.refresh_epoch() != before
