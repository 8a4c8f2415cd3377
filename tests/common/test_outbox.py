"""A message stays until its work is done, and one worker at a time has it."""

from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from common import outbox
from common.models import OutboxMessage
from webapp.resources import Resources

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def enqueue(session: Session, due_at: datetime = NOW) -> OutboxMessage:
    message = outbox.enqueue(session, "mail", {"to": 1}, now=NOW, due_at=due_at)
    session.flush()
    return message


def due(session: Session, now: datetime) -> list[OutboxMessage]:
    return list(outbox.list_due(session, now=now, limit=10))


def test_a_message_is_due_when_its_time_has_come_the_oldest_first(resources: Resources):
    with Session(resources.engine) as session:
        later, sooner = enqueue(session, NOW + timedelta(seconds=9)), enqueue(session)
        assert due(session, NOW - timedelta(seconds=1)) == []
        assert due(session, NOW) == [sooner]
        assert due(session, NOW + timedelta(seconds=9)) == [sooner, later]


def test_a_message_is_claimed_by_one_of_two_that_have_seen_it(resources: Resources):
    with Session(resources.engine) as session:
        message = enqueue(session)
        session.expunge(message)
        assert outbox.has_claimed(session, message, now=NOW)
        assert not outbox.has_claimed(session, message, now=NOW)


def test_a_claim_that_is_neither_settled_nor_put_off_is_due_again_after_its_lease(resources: Resources):
    with Session(resources.engine, expire_on_commit=False) as session:
        message = enqueue(session)
        assert outbox.has_claimed(session, message, now=NOW)
        session.expire_all()
        assert due(session, NOW + outbox.LEASE - timedelta(seconds=1)) == []
        assert [again.attempts for again in due(session, NOW + outbox.LEASE)] == [1]


def test_a_failed_attempt_waits_longer_each_time_and_never_more_than_a_minute(resources: Resources):
    with Session(resources.engine) as session:
        message = enqueue(session)
        waits = []
        for attempts in (1, 2, 3, 10, 10_000):
            outbox.back_off(session, message.id, attempts=attempts, error="no answer", now=NOW)
            session.refresh(message)
            waits.append((message.due_at - NOW).total_seconds())
        assert waits == [2, 4, 8, 60, 60]
        assert message.last_error == "no answer"


def test_a_settled_message_is_gone(resources: Resources):
    with Session(resources.engine) as session:
        message = enqueue(session)
        outbox.settle(session, [message.id])
        assert due(session, NOW) == []
