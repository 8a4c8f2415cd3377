"""Admit: may this request pass, and which workspace does it see?

Rule: nothing is forwarded before this stage has passed, and nothing of the database is open after it. The snapshot is
of the very version that admission returned, so a change is seen by the next request.
"""

import gevent

from common.admission.records import Question, Verdict
from gateway.admission import Admission
from gateway.directory.loader import DirectoryUnavailable
from gateway.directory.snapshots import Snapshots
from gateway.exchange import Exchange
from gateway.protocol.refusals import unavailable

# A change comes between the answer and the reading now and then; more often than this something is wrong.
ATTEMPTS = 20
# By then whoever makes the change has deleted the entry that told the old version.
WAIT_SECONDS = 0.02

_ADMITTED = (Verdict.OK, Verdict.AGAIN)


def admit(exchange: Exchange, question: Question, admission: Admission, snapshots: Snapshots) -> None:
    """Fill in `answer` and `snapshot`, or raise the Refusal that the answer means."""
    for _ in range(ATTEMPTS):
        answer = exchange.answer = admission.ask(question)
        exchange.noted = question.cost > 0 and answer.verdict in (*_ADMITTED, Verdict.FROZEN)
        if answer.verdict not in _ADMITTED:
            raise admission.refusal_for(answer)
        try:
            exchange.snapshot = snapshots.find(exchange.slug, answer.version)
        except DirectoryUnavailable:
            raise unavailable("The workspace cannot be read at the moment. Try again in a second.") from None
        if exchange.snapshot is not None:
            return
        gevent.sleep(WAIT_SECONDS)
    raise unavailable("The workspace is being changed. Try again in a second.")
