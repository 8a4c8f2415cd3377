"""Relay the outbox: do what must follow a commit and is still undone.

Idempotent: closing what is closed and forgetting what is forgotten change nothing, so a message may be done twice. Each
is claimed, done outside of any transaction, and settled or put off; nothing is given up.
"""

import structlog

from common import clock, outbox
from common.admission.publish import Publisher
from common.errors import Unavailable
from common.models import OutboxMessage
from webapp.resources import Resources
from webapp.transaction import CONFIRM, OPEN, parse_closing, parse_opening

BATCH = 100

log = structlog.get_logger(__name__)


def relay_outbox(resources: Resources) -> int:
    """How many messages were settled. Stops at a batch, so that a wake-up does not outlast the next ones."""
    with resources.transaction(write=False) as ctx:
        due = outbox.list_due(ctx.session, now=ctx.now, limit=BATCH)
    return sum(_relay(resources, message) for message in due)


def _relay(resources: Resources, message: OutboxMessage) -> bool:
    with resources.transaction(write=True) as ctx:
        if not outbox.has_claimed(ctx.session, message, now=ctx.now):
            return False
    try:
        _do(resources.publisher, message)
    except Unavailable as error:
        attempts = message.attempts + 1
        log.warning("outbox_put_off", kind=message.kind, attempts=attempts, error=error.message)
        with resources.transaction(write=True) as ctx:
            outbox.back_off(ctx.session, message.id, attempts=attempts, error=error.message, now=clock.now())
        return False
    with resources.transaction(write=True) as ctx:
        outbox.settle(ctx.session, [message.id])
    return True


def _do(publisher: Publisher, message: OutboxMessage) -> None:
    if message.kind == CONFIRM:
        publisher.confirm([parse_closing(message.payload)])
    elif message.kind == OPEN:
        publisher.open([parse_opening(message.payload)])
    else:
        # Written by a newer release, during a deploy: its own worker will do it.
        raise Unavailable(f"This release does not know how to do {message.kind}.")
