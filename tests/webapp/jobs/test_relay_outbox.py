"""What must follow a commit is done until it holds, also when it was done before."""

from dataclasses import replace
from datetime import timedelta

import time_machine
from sqlalchemy import select

from common import clock, outbox
from common.admission.memory import Memory, MemoryPublisher
from common.models import OutboxMessage
from tests.cast import Cast
from webapp.jobs.relay_outbox import relay_outbox
from webapp.resources import Resources
from webapp.services import tokens


def with_memory(cast: Cast) -> tuple[Resources, Memory]:
    memory = Memory()
    return replace(cast.resources, publisher=MemoryPublisher(memory)), memory


def messages(cast: Cast) -> list[OutboxMessage]:
    with cast.session() as session:
        return list(session.scalars(select(OutboxMessage)))


def revoke_unconfirmed(cast: Cast, resources: Resources, memory: Memory) -> None:
    """Redis answers the denial and is gone before the confirmation."""

    class Leaving(MemoryPublisher):
        def deny(self, closings) -> None:
            super().deny(closings)
            memory.is_reachable = False

    with replace(resources, publisher=Leaving(memory)).transaction(write=True, actor=cast.alice) as ctx:
        tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
    assert ctx.receipt is None


def test_an_unconfirmed_revoke_is_confirmed_when_redis_is_back(cast: Cast):
    resources, memory = with_memory(cast)
    revoke_unconfirmed(cast, resources, memory)
    name = (cast.workspace.slug, cast.dana.digest)
    assert memory.state(name) == "closing"
    with time_machine.travel(clock.now() + timedelta(seconds=4)) as traveller:
        assert relay_outbox(resources) == 0
        (message,) = messages(cast)
        assert (message.attempts, message.last_error is None) == (1, False)
        memory.is_reachable = True
        traveller.shift(timedelta(seconds=3))
        assert relay_outbox(resources) == 1
    assert memory.state(name) == "dead"
    assert messages(cast) == []
    assert relay_outbox(resources) == 0


def test_the_door_has_a_head_start(cast: Cast):
    resources, memory = with_memory(cast)
    revoke_unconfirmed(cast, resources, memory)
    memory.is_reachable = True
    assert relay_outbox(resources) == 0
    assert len(messages(cast)) == 1


def test_an_opening_that_failed_is_done_as_well(cast: Cast):
    resources, memory = with_memory(cast)
    memory.is_reachable = False
    with resources.transaction(write=True, actor=cast.alice) as ctx:
        tokens.create_token(ctx, cast.workspace.id, name="Another")
    memory.is_reachable = True
    with time_machine.travel(clock.now() + timedelta(seconds=4)):
        assert relay_outbox(resources) == 1
    assert messages(cast) == []


def test_a_message_that_another_worker_has_is_left_alone(cast: Cast):
    resources, memory = with_memory(cast)
    revoke_unconfirmed(cast, resources, memory)
    memory.is_reachable = True
    with time_machine.travel(clock.now() + timedelta(seconds=4)) as traveller:
        with cast.session() as session:
            (message,) = outbox.list_due(session, now=clock.now(), limit=1)
            assert outbox.has_claimed(session, message, now=clock.now())
        assert relay_outbox(resources) == 0
        # The other one died: its lease runs out, and the work is taken up.
        traveller.shift(outbox.LEASE)
        assert relay_outbox(resources) == 1


def test_a_kind_of_a_newer_release_waits_for_its_own_worker(cast: Cast):
    resources, _ = with_memory(cast)
    with cast.session() as session:
        outbox.enqueue(session, "mail.send", {}, now=clock.now(), due_at=clock.now())
    assert relay_outbox(resources) == 0
    (message,) = messages(cast)
    assert message.last_error is not None
    assert "mail.send" in message.last_error
