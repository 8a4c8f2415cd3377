"""The transaction: begun by doors and jobs, and the one that commits.

Rule: a return commits, a raise rolls back. A change that closes access is denied in Redis, committed, confirmed, in
this order; one that opens access is published after its commit. Whatever must follow the commit is written to the
outbox with the change, so that a worker repeats it until it holds, whoever dies in between.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.orm import Session

from common import outbox
from common.admission.publish import Publisher
from common.admission.records import Closing, Opening
from common.errors import Unavailable
from webapp.context import Context

CONFIRM = "admission.confirm"
OPEN = "admission.open"

# The door does the work itself right after the commit; a worker steps in when it has not settled it by then.
HEAD_START = timedelta(seconds=3)

log = structlog.get_logger(__name__)


@contextmanager
def transaction(ctx: Context, publisher: Publisher, *, write: bool) -> Iterator[Context]:
    """Runs the block in one transaction of `ctx.session`, which begins with the first statement in it.

    Raises Unavailable, with nothing changed, when a closing change cannot be denied in Redis. When a step after
    the commit fails, the change stands, `ctx.receipt` stays None and the outbox repeats the step.
    """
    session = ctx.session
    if session.in_transaction():
        raise RuntimeError("The session is already in a transaction; only a door may begin one.")
    session.execution_options = session.execution_options.union({"stoa_write": write})
    try:
        yield ctx
        messages = _enqueue_effects(ctx)
        session.flush()
        _deny(ctx, publisher)
    except BaseException:
        session.rollback()
        raise
    try:
        _commit(session)
    except SQLAlchemyError as error:
        session.rollback()
        # Where the connection broke, the commit may have been done: the denial then stands until it expires by
        # itself, since taking it back could open what has just been closed.
        if not (isinstance(error, DBAPIError) and error.connection_invalidated):
            _undo(ctx, publisher)
        raise
    if messages:
        _follow_up(ctx, publisher, messages)


def render_closing(closing: Closing) -> dict[str, Any]:
    """A closing change as an outbox payload."""
    digest = None if closing.digest is None else closing.digest.hex()
    return {"kind": closing.kind, "slug": closing.slug, "digest": digest, "reason": closing.reason}


def parse_closing(payload: dict[str, Any]) -> Closing:
    digest = payload["digest"] and bytes.fromhex(payload["digest"])
    return Closing(kind=payload["kind"], slug=payload["slug"], digest=digest, reason=payload["reason"])


def render_opening(opening: Opening) -> dict[str, Any]:
    """An opening change as an outbox payload."""
    digest = None if opening.digest is None else opening.digest.hex()
    return {"kind": opening.kind, "slug": opening.slug, "digest": digest}


def parse_opening(payload: dict[str, Any]) -> Opening:
    digest = payload["digest"] and bytes.fromhex(payload["digest"])
    return Opening(kind=payload["kind"], slug=payload["slug"], digest=digest)


def _enqueue_effects(ctx: Context) -> list[uuid.UUID]:
    due_at = ctx.now + HEAD_START
    payloads = [(CONFIRM, render_closing(closing)) for closing in ctx.closings]
    payloads += [(OPEN, render_opening(opening)) for opening in ctx.openings]
    return [outbox.enqueue(ctx.session, kind, payload, now=ctx.now, due_at=due_at).id for kind, payload in payloads]


def _deny(ctx: Context, publisher: Publisher) -> None:
    if not ctx.closings:
        return
    try:
        publisher.deny(ctx.closings)
    except Unavailable:
        _undo(ctx, publisher)
        raise Unavailable(
            "The gateways cannot be told at the moment, so nothing was changed: what you meant to close is still open. "
            "Try again shortly."
        ) from None


def _undo(ctx: Context, publisher: Publisher) -> None:
    # A denial that cannot be taken back expires by itself within a minute.
    with suppress(Unavailable):
        if ctx.closings:
            publisher.undo(ctx.closings)


def _follow_up(ctx: Context, publisher: Publisher, messages: list[uuid.UUID]) -> None:
    try:
        receipt = publisher.confirm(ctx.closings) if ctx.closings else None
        if ctx.openings:
            publisher.open(ctx.openings)
    except Unavailable as error:
        log.warning("not_yet_confirmed", request_id=ctx.request_id, error=error.message)
        return
    ctx.receipt = receipt
    try:
        outbox.settle(ctx.session, messages)
        _commit(ctx.session)
    except SQLAlchemyError as error:
        # Done, but not forgotten: the worker will do it once more, which changes nothing.
        log.warning("not_settled", request_id=ctx.request_id, error=str(error))
        ctx.session.rollback()


def _commit(session: Session) -> None:
    session.commit()
