"""The contract on what closes, opens and ends, as the real Redis and the fake keep it alike."""

import pytest
import time_machine

from common import redis_keys
from common.admission.memory import Memory, MemoryAsker, MemoryPublisher
from common.admission.records import (
    CLOSING_MS,
    LEASE_MS,
    Closing,
    Ending,
    Opening,
    Verdict,
)
from common.clock import now_us
from tests.contracts.sides import DANA, ERIK, HOUR_US, SLUG, TOKEN, WORKSPACE, Sides, ask, question, verdict

REVOKE = Closing("token", SLUG, DANA, "token.revoke")
FREEZE = Closing("workspace", SLUG, None, "workspace.freeze")


class TestClosing:
    def test_closing_refuses_at_once_and_for_the_moment(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        sides.publisher.deny([REVOKE])
        assert verdict(asker, "1") is Verdict.CLOSING
        sides.publisher.undo([REVOKE])
        assert verdict(asker, "1") is Verdict.LOAD
        assert sides.load(asker)
        assert verdict(asker, "1") is Verdict.OK

    def test_a_confirmed_revocation_is_dead_and_stays_so(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        sides.publisher.deny([REVOKE])
        sides.publisher.confirm([REVOKE])
        assert verdict(asker, "1") is Verdict.DEAD
        sides.publisher.deny([REVOKE])
        sides.publisher.undo([REVOKE])
        assert verdict(asker, "1") is Verdict.DEAD
        sides.restart()
        assert verdict(asker, "1") is Verdict.DEAD
        lease = asker.lease(SLUG, DANA, "late", token=True, workspace=False)
        assert (lease.token, lease.waiting) == (False, False)

    def test_a_confirmed_change_of_the_workspace_is_loaded_anew(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        sides.publisher.deny([FREEZE])
        assert verdict(asker, "1") is Verdict.CLOSING
        sides.publisher.confirm([FREEZE])
        answer = ask(asker, "1")
        assert (answer.verdict, answer.load_token, answer.load_workspace) == (Verdict.LOAD, False, True)

    def test_a_strangers_token_learns_nothing_of_a_workspace_that_is_closing(self, sides: Sides):
        asker = sides.make_asker()
        sides.publisher.deny([FREEZE])
        answer = ask(asker, "1")
        assert (answer.verdict, answer.load_token, answer.load_workspace) == (Verdict.LOAD, True, False)

    def test_nobody_takes_back_anothers_denial(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        another = Closing("token", SLUG, DANA, "member.remove")
        sides.publisher.deny([REVOKE])
        sides.publisher.deny([another])
        sides.publisher.undo([REVOKE])
        assert verdict(asker, "1") is Verdict.CLOSING
        sides.publisher.undo([another])
        assert verdict(asker, "1") is Verdict.LOAD

    @pytest.mark.parametrize("closing", [REVOKE, FREEZE])
    def test_no_load_begun_before_publishes_after(self, sides: Sides, closing: Closing):
        asker = sides.make_asker()
        lease = asker.lease(SLUG, DANA, "early", token=True, workspace=True)
        sides.publisher.deny([closing])
        assert not asker.publish(lease, TOKEN, WORKSPACE)
        assert verdict(asker, "1") in (Verdict.CLOSING, Verdict.LOAD)
        sides.publisher.confirm([closing])
        assert not asker.publish(lease, TOKEN, WORKSPACE)
        assert verdict(asker, "1") in (Verdict.DEAD, Verdict.LOAD)

    def test_an_opening_change_is_loaded_anew_also_by_loads_under_way(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        sides.publisher.open([Opening("workspace", SLUG, None)])
        assert ask(asker, "1").load_workspace
        lease = asker.lease(SLUG, DANA, "early", token=False, workspace=True)
        sides.publisher.open([Opening("workspace", SLUG, None)])
        assert not asker.publish(lease, None, WORKSPACE)

    def test_the_receipt_counts_what_was_open_at_living_gateways(self, sides: Sides):
        living, dead = sides.make_asker("living"), sides.make_asker("dead")
        living.heartbeat()
        sides.load(living)
        sides.load(living, digest=ERIK)
        living.ask([question("1"), question("2"), question("3"), question("4", digest=ERIK)])
        dead.ask([question("5")])
        living.end([Ending(SLUG, "3", {})])
        receipt = sides.publisher.confirm([REVOKE])
        assert receipt.streams_told == 2
        assert abs(receipt.confirmed_at_us - now_us()) < 60_000_000
        assert sides.publisher.confirm([FREEZE, REVOKE]).streams_told == 3
        assert sides.publisher.confirm([Closing("token", "other", DANA, "token.revoke")]).streams_told == 0

    def test_gateways_read_what_to_cut_once_and_in_order(self, sides: Sides):
        asker = sides.make_asker()
        shard, elsewhere = redis_keys.shard(SLUG), redis_keys.shard("other")
        sides.publisher.confirm([Closing("token", SLUG, ERIK, "before")])
        last_ids = asker.latest_cuts([shard, elsewhere])
        assert asker.read_cuts([shard, elsewhere], last_ids, 1) == []
        sides.publisher.confirm([REVOKE, FREEZE])
        cuts = asker.read_cuts([shard, elsewhere], last_ids, 1000)
        assert [(cut.kind, cut.slug, cut.digest, cut.reason) for cut in cuts] == [
            ("token", SLUG, DANA, "token.revoke"),
            ("workspace", SLUG, None, "workspace.freeze"),
        ]
        assert asker.read_cuts([shard, elsewhere], last_ids, 1) == []


class TestEnding:
    def test_each_ended_call_leaves_its_record_and_no_note(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        calls = [str(n) for n in range(100)]
        asker.ask([question(call) for call in calls])
        assert asker.end([Ending(SLUG, call, {"outcome": "ok", "sent": 3, "raw": b"\xff"}) for call in calls]) == 100
        assert sides.list_records() == [(call, {"outcome": "ok", "sent": 3, "raw": b"\xff"}) for call in calls]
        assert asker.end([Ending(SLUG, call, {}, only_if_noted=True) for call in calls]) == 0

    def test_the_record_survives_when_the_note_is_lost(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        ask(asker, "1")
        sides.flush()
        assert asker.end([Ending(SLUG, "1", {"outcome": "ok"}), Ending("other", "2", {})]) == 2
        assert sides.list_records()[0] == ("1", {"outcome": "ok"})

    def test_ending_nothing_is_nothing(self, sides: Sides):
        assert sides.make_asker().end([]) == 0
        assert sides.make_asker().ask([]) == []


def test_the_fake_forgets_leases_and_closings_in_time():
    with time_machine.travel(0, tick=False) as clock:
        memory = Memory()
        asker, publisher = MemoryAsker(memory, "boot-1", HOUR_US), MemoryPublisher(memory)
        asker.lease(SLUG, DANA, "a loader that died", token=True, workspace=True)
        clock.shift(LEASE_MS / 1000)
        lease = asker.lease(SLUG, DANA, "the next", token=True, workspace=True)
        assert asker.publish(lease, TOKEN, WORKSPACE)
        publisher.deny([REVOKE])
        clock.shift(CLOSING_MS / 1000)
        assert verdict(asker, "1") is Verdict.LOAD
