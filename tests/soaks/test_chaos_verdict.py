"""A gate that cannot fail is none: each promise is broken here once, and each time the report says so."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from soaks.callers import Listed, Made
from soaks.calls import Call, Outcome, Verdict
from soaks.chaos import Health, Round, Story, Wishes
from soaks.chaos_verdict import report_on, sentences
from soaks.faults import Fault, Kind
from soaks.records import Records

RIGHT, WRONG = Verdict(Outcome.RIGHT), Verdict(Outcome.WRONG, "status 502")
RAN = Verdict(Outcome.FAULT, "Old: 127.0.0.1:9 did not answer in time. The call may have run: check first.")
DID_NOT_RUN = Verdict(Outcome.FAULT, "Old: 127.0.0.1:9 refused the connection.")


def made(server: str, nonce: str, verdict: Verdict, began: float = 1.0, seconds: float = 0.1) -> Made:
    return Made(Call("legacy", server, nonce, 1, False), began, began + seconds, verdict)


def story() -> Story:
    """Ten seconds in which all was well but for two calls that failed as they should."""
    health = Health([1, 2], 80.0, 50)
    return Story(
        wishes=Wishes(seconds=10, clients=2, seed=1, timeout=3, calm=0),
        began=0.0,
        rounds=[Round([Fault("old", Kind.KILL, 2.0, 0.0)], began=1.0, back=3.0, steady=3.5, ended=10.0)],
        made=[made("old", "a", RIGHT), made("old", "b", RAN), made("old", "c", DID_NOT_RUN), made("well", "d", RIGHT)],
        listed=[Listed(1.0, 1.1, RIGHT)],
        requests=5,
        reached={"old": Counter("ab"), "new": Counter(), "well": Counter("d")},
        records=Records(list("vwxyz"), Counter(ok=2, upstream_error=2), Counter(admitted=2), open=0),
        before=health,
        after=health,
        complaints=[],
    )


def with_call(call: Made, *, is_reached: bool = True, recorded: str = "ok") -> Callable[[Story], Story]:
    """The same with one call more, which was recorded as it should be."""

    def change(before: Story) -> Story:
        reached = Counter([call.call.nonce] if is_reached else [])
        return replace(
            before,
            made=[*before.made, call],
            requests=6,
            reached={**before.reached, call.call.server: before.reached[call.call.server] + reached},
            records=before.records._replace(ids=list("uvwxyz"), outcomes=before.records.outcomes + Counter([recorded])),
        )

    return change


def test_a_story_in_which_all_was_kept_has_no_complaint():
    assert report_on(story()).broken == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (with_call(made("old", "e", WRONG), recorded="cut"), "1 wrong answers"),
        (with_call(made("old", "e", RIGHT, seconds=4.1)), "took longer than 4.0 s"),
        (with_call(made("well", "e", RIGHT, seconds=1.1)), "left alone"),
        (with_call(made("well", "e", RAN), recorded="upstream_error"), "left alone"),
        (with_call(made("old", "a", RIGHT)), "reached old twice, such as ['a']"),
        (with_call(made("old", "e", RIGHT), is_reached=False), "never reached their server"),
        (with_call(made("old", "e", DID_NOT_RUN), recorded="upstream_error"), "told that they did not"),
        (with_call(made("old", "e", RAN, began=8.5), recorded="upstream_error"), "steady 5.5 s after"),
        (with_call(made("old", "e", RIGHT), recorded="cut"), "3 calls were right, and 2 recorded"),
        (lambda s: replace(s, rounds=[s.rounds[0]._replace(steady=9.0)]), "steady 6.0 s after"),
        (lambda s: replace(s, listed=[Listed(1.0, 2.1, RIGHT)]), "lists that were wrong or slow"),
        (lambda s: replace(s, listed=[Listed(1.0, 1.1, WRONG)]), "lists that were wrong or slow"),
        (lambda s: replace(s, records=s.records._replace(ids=list("vwxyzz"))), "6 records kept of 5"),
        (lambda s: replace(s, records=s.records._replace(open=1)), "no end on record"),
        (lambda s: replace(s, after=Health([1, 3], 80.0, 50)), "processes were [1, 2]"),
        (lambda s: replace(s, after=Health([1, 2], 80.0, 500)), "holds 500"),
        (lambda s: replace(s, complaints=['{"level": "error"}']), "errors in the gateway's log"),
    ],
)
def test_each_broken_promise_is_told(change: Callable[[Story], Story], complaint: str):
    broken = report_on(change(story())).broken
    assert len(broken) == 1
    assert complaint in broken[0]


def test_sentences_are_counted_whatever_their_numbers():
    told = sentences([made("old", "a", DID_NOT_RUN), made("old", "b", DID_NOT_RUN), made("old", "c", RIGHT)])
    assert told == {"Old: N.N.N.N:N refused the connection.": 2}
