"""The contract on questions that name a session, as the real Redis and the fake keep it alike."""

from common.admission.ask import Asker
from common.admission.memory import MemoryAsker
from common.admission.records import SESSION_MS, Answer, Closing, Ending, TokenRecord, Verdict, WorkspaceRecord
from common.clock import now_us
from tests.contracts.sides import (
    DANA,
    ERIK,
    HOUR_US,
    OTHER_SESSION,
    SESSION,
    SLUG,
    TOKEN,
    WORKSPACE,
    Sides,
    ask,
    question,
    verdict,
)
from tests.waiting import until

MINUTE_MS = 60_000
REVOKE = Closing("token", SLUG, DANA, "token.revoke")


def asker_with_a_session(
    sides: Sides, left_ms: int = SESSION_MS, token: TokenRecord = TOKEN, workspace: WorkspaceRecord = WORKSPACE
) -> Asker | MemoryAsker:
    asker = sides.make_asker()
    sides.load(asker, token, workspace)
    sides.keep_session(SESSION, b"what the client said", left_ms)
    return asker


class TestFinding:
    def test_its_state_comes_with_the_answer_and_so_does_everything_else(self, sides: Sides):
        asker = asker_with_a_session(sides)
        without, within = asker.ask([question("1"), question("2", session=SESSION)])
        assert (without.verdict, without.session) == (Verdict.OK, b"")
        assert within.session == b"what the client said"
        assert within._replace(session=b"", time_us=0) == without._replace(time_us=0)

    def test_what_nobody_keeps_is_refused_also_where_nothing_is_asked_for(self, sides: Sides):
        asker = asker_with_a_session(sides)
        for cost in (0, 1):
            answer = ask(asker, "1", cost, session=OTHER_SESSION)
            assert (answer.verdict, answer.session, answer.ref) == (Verdict.NO_SESSION, b"", TOKEN.ref)

    def test_another_tokens_session_is_not_found(self, sides: Sides):
        asker = asker_with_a_session(sides)
        sides.load(asker, digest=ERIK)
        sides.load(asker, slug="other")
        assert verdict(asker, "1", session=SESSION) is Verdict.OK
        assert verdict(asker, "2", session=SESSION, digest=ERIK) is Verdict.NO_SESSION
        assert verdict(asker, "3", session=SESSION, slug="other") is Verdict.NO_SESSION

    def test_it_is_there_after_a_restart_and_gone_after_a_flush(self, sides: Sides):
        asker = asker_with_a_session(sides)
        sides.restart()
        sides.load(asker)
        assert verdict(asker, "1", session=SESSION) is Verdict.OK
        sides.flush()
        sides.load(asker)
        assert verdict(asker, "2", session=SESSION) is Verdict.NO_SESSION

    def test_an_unknown_session_takes_no_place_and_leaves_no_note(self, sides: Sides):
        asker = asker_with_a_session(sides, workspace=WorkspaceRecord("active", 1, 1))
        assert verdict(asker, "1", session=OTHER_SESSION) is Verdict.NO_SESSION
        assert asker.end([Ending(SLUG, "1", {}, only_if_noted=True)]) == 0
        assert verdict(asker, "2", session=SESSION) is Verdict.OK


class TestLife:
    def test_each_minute_of_use_gives_it_the_whole_hour_again(self, sides: Sides):
        asker = asker_with_a_session(sides, left_ms=SESSION_MS - MINUTE_MS - 1)
        ask(asker, "1", session=SESSION)
        assert SESSION_MS - MINUTE_MS < sides.left_of_session(SESSION) <= SESSION_MS

    def test_within_the_minute_its_life_is_left_alone(self, sides: Sides):
        before = SESSION_MS - MINUTE_MS // 2
        asker = asker_with_a_session(sides, left_ms=before)
        ask(asker, "1", session=SESSION)
        assert before - MINUTE_MS // 2 < sides.left_of_session(SESSION) <= before

    def test_also_who_is_refused_for_the_rate_is_still_there(self, sides: Sides):
        asker = asker_with_a_session(sides, left_ms=MINUTE_MS, workspace=WorkspaceRecord("active", 1, 1))
        ask(asker, "1")
        assert verdict(asker, "2", session=SESSION) is Verdict.LIMITED
        assert sides.left_of_session(SESSION) > SESSION_MS - MINUTE_MS

    def test_a_revoked_token_prolongs_nothing(self, sides: Sides):
        asker = asker_with_a_session(sides, left_ms=MINUTE_MS)
        sides.publisher.confirm([REVOKE])
        assert verdict(asker, "1", session=SESSION) is Verdict.DEAD
        assert sides.left_of_session(SESSION) <= MINUTE_MS

    def test_one_that_has_expired_is_not_revived_by_being_asked_for(self, sides: Sides):
        asker = asker_with_a_session(sides, left_ms=1)
        until(lambda: sides.left_of_session(SESSION) < 0, every=0.001)
        assert verdict(asker, "1", session=SESSION) is Verdict.NO_SESSION
        assert sides.left_of_session(SESSION) < 0

    def test_what_is_unknown_is_not_begun_by_being_asked_for(self, sides: Sides):
        asker = asker_with_a_session(sides)
        ask(asker, "1", session=OTHER_SESSION)
        assert sides.left_of_session(OTHER_SESSION) < 0


class TestOrder:
    """Each of two reasons at once: the one that is judged first is told."""

    def test_whatever_closes_the_token_or_workspace_is_told_first(self, sides: Sides):
        asker = sides.make_asker()
        assert verdict(asker, "1", session=OTHER_SESSION) is Verdict.LOAD
        sides.load(asker, TokenRecord(0, now_us() - 1, 1, "r"))
        assert verdict(asker, "1", session=OTHER_SESSION) is Verdict.EXPIRED
        sides.load(asker, workspace=WorkspaceRecord("gone", 1, 120), slug="other")
        assert verdict(asker, "1", session=OTHER_SESSION, slug="other") is Verdict.GONE
        sides.publisher.deny([REVOKE])
        assert verdict(asker, "1", session=OTHER_SESSION) is Verdict.CLOSING
        sides.publisher.confirm([REVOKE])
        assert verdict(asker, "1", session=OTHER_SESSION) is Verdict.DEAD

    def test_that_the_session_has_ended_is_told_before_all_that_depends_on_the_call(self, sides: Sides):
        over_the_quota = WorkspaceRecord("frozen", 1, 1, quota_until_us=now_us() + HOUR_US)
        asker = asker_with_a_session(sides, workspace=over_the_quota)
        verdict(asker, "noted", is_call=False)

        def judge(session: str) -> list[Verdict]:
            asked = [question("noted"), question("1"), question("2", 2, is_call=False), question("3", is_call=False)]
            asked += [question("4", 0)]
            answers: list[Answer] = asker.ask([each._replace(session=session) for each in asked])
            return [answer.verdict for answer in answers]

        known = [Verdict.FROZEN, Verdict.QUOTA, Verdict.TOO_LARGE, Verdict.LIMITED, Verdict.FROZEN]
        assert judge(SESSION) == judge("") == known
        assert judge(OTHER_SESSION) == [Verdict.NO_SESSION] * 5
