"""The outbox: work that must follow a commit, kept until it is done.

Rule: enqueued in the transaction that it follows; claimed by a conditional write that touches exactly one row; settled
only after the work has held. At least once: whoever does the work must be able to do it twice.
"""

import uuid
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import CursorResult, delete, select, update
from sqlalchemy.orm import Session

from common import ids
from common.models.outbox import OutboxMessage

# Longer than any attempt may take, and short enough that the work of a killed worker is soon taken up again.
LEASE = timedelta(seconds=30)
LONGEST_WAIT = timedelta(minutes=1)


def enqueue(session: Session, kind: str, payload: dict[str, Any], *, now: datetime, due_at: datetime) -> OutboxMessage:
    message = OutboxMessage(id=ids.new_id(), kind=kind, payload=payload, created_at=now, due_at=due_at, attempts=0)
    session.add(message)
    return message


def list_due(session: Session, *, now: datetime, limit: int) -> Sequence[OutboxMessage]:
    """The messages that are due, oldest first; being listed is no claim."""
    query = select(OutboxMessage).where(OutboxMessage.due_at <= now).order_by(OutboxMessage.due_at).limit(limit)
    return session.scalars(query).all()


def has_claimed(session: Session, message: OutboxMessage, *, now: datetime) -> bool:
    """Takes the message for the length of a lease, unless somebody else has taken it since it was read."""
    claim = (
        update(OutboxMessage)
        .where(OutboxMessage.id == message.id, OutboxMessage.due_at == message.due_at)
        .values(due_at=now + LEASE, attempts=OutboxMessage.attempts + 1)
    )
    return cast("CursorResult[Any]", session.execute(claim)).rowcount == 1


def settle(session: Session, messages: Collection[uuid.UUID]) -> None:
    """The work has been done: forget it."""
    session.execute(delete(OutboxMessage).where(OutboxMessage.id.in_(messages)))


def back_off(session: Session, message: uuid.UUID, *, attempts: int, error: str, now: datetime) -> None:
    """The work has failed: try again later, each time a little later than the last."""
    wait = min(timedelta(seconds=2**attempts), LONGEST_WAIT) if attempts < 10 else LONGEST_WAIT
    session.execute(
        update(OutboxMessage).where(OutboxMessage.id == message).values(due_at=now + wait, last_error=error)
    )
