"""The contract on asking and loading, as the real Redis and the fake keep it alike."""

from common.admission.records import (
    Ending,
    Opening,
    TokenRecord,
    Verdict,
    WorkspaceRecord,
)
from common.clock import now_us
from tests.contracts.sides import DANA, ERIK, HOUR_US, SLUG, TOKEN, Sides, ask, question, verdict


class TestLoading:
    def test_what_nobody_has_loaded_is_asked_for_by_name(self, sides: Sides):
        asker = sides.make_asker()
        answer = ask(asker, "1")
        assert (answer.verdict, answer.load_token, answer.load_workspace) == (Verdict.LOAD, True, True)
        sides.load(asker, digest=ERIK)
        answer = ask(asker, "1")
        assert (answer.verdict, answer.load_token, answer.load_workspace) == (Verdict.LOAD, True, False)

    def test_what_was_loaded_comes_back_with_each_answer(self, sides: Sides):
        asker = sides.make_asker()
        assert sides.load(asker)
        answer = ask(asker, "1")
        assert (answer.verdict, answer.ref, answer.version, answer.limit) == (Verdict.OK, "dana|prod|-", 7, 120)
        assert not answer.in_doubt
        assert abs(answer.time_us - now_us()) < 60_000_000

    def test_a_token_opens_its_own_workspace_only(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        sides.load(asker, digest=ERIK, slug="other")
        assert verdict(asker, "1") is Verdict.OK
        assert verdict(asker, "2", slug="other") is Verdict.LOAD

    def test_two_loaders_do_not_load_the_same(self, sides: Sides):
        first, second = sides.make_asker("boot-1"), sides.make_asker("boot-2")
        mine = first.lease(SLUG, DANA, "one", token=True, workspace=True)
        theirs = second.lease(SLUG, DANA, "two", token=True, workspace=True)
        assert (mine.token, mine.workspace, mine.waiting) == (True, True, False)
        assert (theirs.token, theirs.workspace, theirs.waiting) == (False, False, True)
        assert first.lease(SLUG, DANA, "one", token=True, workspace=True) == mine
        assert first.publish(mine, TOKEN, WorkspaceRecord("active", 1, 5))
        after = second.lease(SLUG, DANA, "two", token=True, workspace=True)
        assert (after.token, after.workspace, after.waiting) == (False, False, False)

    def test_only_what_is_asked_for_is_leased(self, sides: Sides):
        asker = sides.make_asker()
        lease = asker.lease(SLUG, DANA, "one", token=True, workspace=False)
        assert (lease.token, lease.workspace) == (True, False)
        assert asker.publish(lease, TOKEN, None)
        assert ask(asker, "1").load_workspace

    def test_nobody_publishes_over_anothers_lease(self, sides: Sides):
        asker = sides.make_asker()
        asker.lease(SLUG, DANA, "one", token=True, workspace=True)
        forged = asker.lease(SLUG, DANA, "one", token=True, workspace=True)
        sides.publisher.open([Opening("token", SLUG, DANA), Opening("workspace", SLUG, None)])
        asker.lease(SLUG, DANA, "two", token=True, workspace=True)
        assert not asker.publish(forged, TOKEN, WorkspaceRecord("active", 1, 5))
        assert verdict(asker, "1") is Verdict.LOAD

    def test_a_loader_that_found_nothing_leaves_no_trace(self, sides: Sides):
        asker = sides.make_asker()
        assert sides.load(asker, None, None)
        lease = asker.lease(SLUG, DANA, "next", token=True, workspace=True)
        assert (lease.token, lease.workspace, lease.waiting) == (True, True, False)

    def test_after_a_restart_everything_is_loaded_anew(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        before = asker.refresh_epoch()
        under_way = asker.lease(SLUG, ERIK, "early", token=True, workspace=False)
        sides.restart()
        assert verdict(asker, "1") is Verdict.LOAD
        assert asker.refresh_epoch() != before
        assert not asker.publish(under_way, TOKEN, None)
        assert sides.load(asker)
        assert verdict(asker, "1") is Verdict.OK

    def test_after_a_flush_everything_is_loaded_anew(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker)
        under_way = asker.lease(SLUG, ERIK, "early", token=True, workspace=False)
        sides.flush()
        assert verdict(asker, "1") is Verdict.LOAD
        assert not asker.publish(under_way, TOKEN, None)


class TestStanding:
    def test_an_expired_token_opens_nothing(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, TokenRecord(0, now_us() - 1, 1, "r"))
        sides.load(asker, TokenRecord(0, now_us() + HOUR_US, 1, "r"), digest=ERIK)
        assert verdict(asker, "1") is Verdict.EXPIRED
        assert verdict(asker, "2", digest=ERIK) is Verdict.OK

    def test_each_answer_tells_when_the_token_expires(self, sides: Sides):
        asker = sides.make_asker()
        until = now_us() + HOUR_US
        assert ask(asker, "0").expires_us == 0, "nobody knows yet"
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 1))
        sides.load(asker, TokenRecord(0, until, 1, "r"), digest=ERIK)
        assert ask(asker, "1").expires_us == 0
        told = [ask(asker, str(number), cost, digest=ERIK) for number, cost in ((2, 0), (3, 1), (3, 1), (4, 1), (5, 2))]
        verdicts = [Verdict.OK, Verdict.OK, Verdict.AGAIN, Verdict.LIMITED, Verdict.TOO_LARGE]
        assert [answer.verdict for answer in told] == verdicts
        assert {answer.expires_us for answer in told} == {until}
        sides.load(asker, TokenRecord(0, 5, 1, "r"), WorkspaceRecord("gone", 1, 1), slug="past")
        sides.load(asker, TokenRecord(0, until, 1, "r"), WorkspaceRecord("gone", 1, 1), slug="gone")
        assert [ask(asker, "6", slug=slug).expires_us for slug in ("past", "gone")] == [5, until]

    def test_a_workspace_that_is_gone_opens_nothing(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, workspace=WorkspaceRecord("gone", 1, 120))
        assert verdict(asker, "1", is_call=False, cost=0) is Verdict.GONE

    def test_a_frozen_workspace_refuses_calls_and_counts_them(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, workspace=WorkspaceRecord("frozen", 1, 2))
        assert verdict(asker, "1") is Verdict.FROZEN
        assert verdict(asker, "1") is Verdict.FROZEN, "its place does not open what is frozen"
        assert verdict(asker, "2", cost=0) is Verdict.FROZEN
        assert verdict(asker, "3", is_call=False) is Verdict.OK
        assert verdict(asker, "4", is_call=False) is Verdict.LIMITED
        assert asker.end([Ending(SLUG, "1", {}, only_if_noted=True)]) == 1

    def test_over_the_quota_calls_wait_and_lists_go_on(self, sides: Sides):
        asker = sides.make_asker()
        until = now_us() + HOUR_US
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 5, quota_until_us=until))
        answer = ask(asker, "1")
        assert answer.verdict is Verdict.QUOTA
        assert answer.time_us + answer.retry_after_us == until
        assert verdict(asker, "2", is_call=False) is Verdict.OK
        assert verdict(asker, "3", cost=0) is Verdict.OK, "what was admitted goes on"
        assert asker.end([Ending(SLUG, "1", {}, only_if_noted=True)]) == 0


class TestWindow:
    def test_the_limit_is_the_smaller_of_the_two(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, TokenRecord(2, 0, 1, "r"), WorkspaceRecord("active", 1, 3))
        sides.load(asker, TokenRecord(9, 0, 1, "r"), digest=ERIK)
        assert [verdict(asker, str(n)) for n in range(3)] == [Verdict.OK, Verdict.OK, Verdict.LIMITED]
        assert [ask(asker, str(n), digest=ERIK).limit for n in range(10, 14)] == [3] * 4

    def test_no_limit_exceeds_the_places_of_a_ring(self, sides: Sides):
        asker = sides.make_asker(places=2)
        sides.load(asker)
        answers = [ask(asker, str(n)) for n in range(3)]
        assert [answer.verdict for answer in answers] == [Verdict.OK, Verdict.OK, Verdict.LIMITED]
        assert answers[0].limit == 2

    def test_a_refusal_says_exactly_when_a_place_becomes_free(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 2))
        first, _, refused = (ask(asker, str(n)) for n in range(3))
        assert refused.verdict is Verdict.LIMITED
        assert refused.time_us + refused.retry_after_us == first.time_us + HOUR_US
        assert (refused.limit, refused.remaining) == (2, 0)

    def test_the_window_holds_across_processes_and_restarts(self, sides: Sides):
        first, second = sides.make_asker("boot-1"), sides.make_asker("boot-2")
        workspace = WorkspaceRecord("active", 1, 2)
        sides.load(first, workspace=workspace)
        assert [verdict(first, "1"), verdict(second, "2")] == [Verdict.OK, Verdict.OK]
        sides.restart()
        sides.load(second, workspace=workspace)
        assert verdict(second, "3") is Verdict.LIMITED

    def test_a_window_of_a_microsecond_refuses_hardly_ever(self, sides: Sides):
        asker = sides.make_asker(window_us=1)
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 1))
        answers = [ask(asker, str(n)) for n in range(50)]
        times = [answer.time_us for answer in answers if answer.verdict is Verdict.OK]
        assert len(set(times)) == len(times) > 1

    def test_a_batch_takes_all_its_places_or_none(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 5))
        assert verdict(asker, "1", cost=3) is Verdict.OK
        refused = ask(asker, "2", cost=4)
        assert (refused.verdict, refused.remaining) == (Verdict.LIMITED, 2)
        assert verdict(asker, "3", cost=2) is Verdict.OK
        assert verdict(asker, "4", cost=6) is Verdict.TOO_LARGE

    def test_what_costs_nothing_takes_no_place_and_leaves_no_note(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 1))
        assert [verdict(asker, "n", cost=0) for _ in range(5)] == [Verdict.OK] * 5
        assert verdict(asker, "1") is Verdict.OK
        assert verdict(asker, "n", cost=0) is Verdict.OK
        assert asker.end([Ending(SLUG, "n", {}, only_if_noted=True)]) == 0

    def test_the_same_call_asked_again_takes_one_place(self, sides: Sides):
        asker = sides.make_asker()
        sides.load(asker, workspace=WorkspaceRecord("active", 1, 2))
        answers = asker.ask([question("1"), question("1"), question("2"), question("3")])
        expected = [Verdict.OK, Verdict.AGAIN, Verdict.OK, Verdict.LIMITED]
        assert [answer.verdict for answer in answers] == expected
        assert answers[1].ref == answers[0].ref
