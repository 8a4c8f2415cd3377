"""Every verdict that refuses means one refusal to the client, and each says what to do."""

from typing import Any

import pytest

from common.admission.records import Answer, Verdict
from gateway.admission import Admission

REFUSED = {
    Verdict.DEAD: (401, "unauthorized"),
    Verdict.EXPIRED: (401, "unauthorized"),
    Verdict.GONE: (401, "unauthorized"),
    Verdict.CLOSING: (503, "closing"),
    Verdict.FROZEN: (423, "frozen"),
    Verdict.LIMITED: (429, "rate_limit"),
    Verdict.QUOTA: (429, "quota"),
    Verdict.TOO_LARGE: (400, "malformed"),
    Verdict.NO_SESSION: (404, "no_session"),
    Verdict.UNAVAILABLE: (503, "unavailable"),
}


@pytest.fixture
def admission() -> Admission:
    unasked: Any = None  # what a verdict means is known without Redis and without the database
    return Admission(unasked, unasked, unasked, window_us=60_000_000)


@pytest.mark.parametrize("verdict", [each for each in Verdict if not each.is_admitted and each is not Verdict.LOAD])
def test_each_verdict_has_its_status(admission: Admission, verdict: Verdict):
    refusal = admission.refusal_for(Answer(verdict))
    assert (refusal.status, refusal.decision) == REFUSED[verdict]


def test_who_names_a_session_that_is_not_known_is_told_to_initialize_again(admission: Admission):
    refusal = admission.refusal_for(Answer(Verdict.NO_SESSION))
    assert refusal.code == -31404
    assert refusal.message.endswith("Initialize again.")
