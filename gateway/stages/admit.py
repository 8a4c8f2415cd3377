"""Admit: may this request pass, and which workspace does it see?

Rule: nothing is forwarded before this stage has passed, and nothing of the database is open after it. The snapshot is
of the very version that admission returned, so a change is seen by the next request.
"""

import gevent

from common.admission.records import Question
from gateway.admission import Admission
from gateway.directory.loader import DirectoryUnavailable
from gateway.directory.snapshots import Snapshots
from gateway.exchange import Exchange
from gateway.mcp_sessions.records import McpSession, parse_session
from gateway.protocol.refusals import unavailable

# A change comes between the answer and the reading now and then; more often than this something is wrong.
ATTEMPTS = 20
# By then whoever makes the change has deleted the entry that told the old version.
WAIT_SECONDS = 0.02


def admit(exchange: Exchange, question: Question, admission: Admission, snapshots: Snapshots) -> None:
    """Fill in `answer`, `expires_us` and `snapshot`, or raise the Refusal that the answer means."""
    for _ in range(ATTEMPTS):
        exchange.must_ask_again = False
        answer = admission.ask(question)
        is_noted = question.cost > 0 and answer.verdict.is_noted
        if is_noted or not exchange.noted:  # once noted it has to be ended, whatever a later answer says
            exchange.answer, exchange.noted = answer, is_noted
        if not answer.verdict.is_admitted:
            raise admission.refusal_for(answer)
        exchange.expires_us = answer.expires_us
        try:
            snapshot = snapshots.find(exchange.slug, answer.version)
        except DirectoryUnavailable:
            raise unavailable("The workspace cannot be read at the moment. Try again in a second.") from None
        if exchange.must_ask_again:  # a cut fell between the answer and here: what was asked may be closed by now
            continue
        if snapshot is not None:
            exchange.snapshot = snapshot
            if answer.session:
                _join(exchange, parse_session(answer.session))
            return
        gevent.sleep(WAIT_SECONDS)
    raise unavailable("The workspace is being changed. Try again in a second.")


def _join(exchange: Exchange, mcp_session: McpSession) -> None:
    """What was agreed on when the session began holds for each of its requests."""
    exchange.mcp_session = mcp_session
    exchange.client = mcp_session.client or exchange.client
    if exchange.spoken is not None and "HTTP_MCP_PROTOCOL_VERSION" not in exchange.environ:
        exchange.spoken = exchange.spoken._replace(version=mcp_session.version)
