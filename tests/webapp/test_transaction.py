"""A change that closes is denied, committed, confirmed, in this order, whatever fails on the way."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from sqlalchemy import event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from common.admission.line import connect
from common.admission.memory import Memory, MemoryPublisher
from common.admission.publish import Publisher
from common.admission.records import Closing, Opening
from common.errors import Invalid, Unavailable
from common.models import OutboxMessage, Token, Workspace
from tests.cast import Cast
from tests.real.valkey import RealValkey
from webapp.context import Context
from webapp.services import tokens
from webapp.transaction import (
    parse_closing,
    parse_opening,
    render_closing,
    render_opening,
    transaction,
)


class Spy:
    """A publisher that notes its steps, can be told to fail at one, and does them on the fake."""

    def __init__(self) -> None:
        self.memory = Memory()
        self.fake = MemoryPublisher(self.memory)
        self.steps: list[str] = []
        self.fails_at: set[str] = set()
        self.looks: Callable[[str], None] = lambda step: None

    def __getattr__(self, step: str) -> Callable[[Any], Any]:
        def do(changes: Any) -> Any:
            self.steps.append(step)
            self.looks(step)
            if step in self.fails_at:
                raise Unavailable("down")
            return getattr(self.fake, step)(changes)

        return do


@pytest.fixture
def spy() -> Spy:
    return Spy()


def context(cast: Cast, session: Session) -> Context:
    base = cast.resources
    return Context(
        session=session,
        actor=cast.alice,
        now=cast.alice.created_at,
        address="192.0.2.1",
        request_id="r1",
        settings=base.settings,
        keyring=base.keyring,
    )


def revoke(cast: Cast, publisher: Any) -> Context:
    with Session(cast.resources.engine, expire_on_commit=False) as session:
        ctx = context(cast, session)
        with transaction(ctx, publisher, write=True):
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
    return ctx


def is_revoked(cast: Cast) -> bool:
    with cast.session() as session:
        return session.get_one(Token, cast.dana.id).revoked_at is not None


def messages(cast: Cast) -> list[OutboxMessage]:
    with cast.session() as session:
        return list(session.scalars(select(OutboxMessage)))


def test_denied_before_the_commit_and_confirmed_after_it(cast: Cast, spy: Spy):
    seen = {}
    spy.looks = lambda step: seen.update({step: (is_revoked(cast), len(messages(cast)))})
    ctx = revoke(cast, spy)
    assert seen == {"deny": (False, 0), "confirm": (True, 1)}
    assert ctx.receipt is not None
    assert messages(cast) == []


def test_where_redis_is_down_nothing_is_changed(cast: Cast, spy: Spy):
    spy.fails_at = {"deny"}
    with pytest.raises(Unavailable):
        revoke(cast, spy)
    assert spy.steps == ["deny", "undo"]
    assert not is_revoked(cast)
    assert messages(cast) == []


def test_where_the_confirmation_fails_the_change_stands_without_a_receipt_and_the_outbox_has_the_rest(
    cast: Cast, spy: Spy
):
    spy.fails_at = {"confirm"}
    ctx = revoke(cast, spy)
    assert is_revoked(cast)
    assert ctx.receipt is None
    (message,) = messages(cast)
    assert (message.kind, parse_closing(message.payload).digest) == ("admission.confirm", cast.dana.digest)


def test_an_opening_change_is_committed_although_redis_is_down(cast: Cast, spy: Spy):
    spy.fails_at = {"open"}
    with Session(cast.resources.engine, expire_on_commit=False) as session:
        ctx = context(cast, session)
        with transaction(ctx, spy, write=True):  # type: ignore[arg-type]  # the spy has every method of a publisher
            token, _ = tokens.create_token(ctx, cast.workspace.id, name="Another")
    assert spy.steps == ["open"]
    (message,) = messages(cast)
    assert (message.kind, parse_opening(message.payload).digest) == ("admission.open", token.digest)


def test_what_raises_is_rolled_back_and_denies_nothing(cast: Cast, spy: Spy):
    with Session(cast.resources.engine) as session:
        ctx = context(cast, session)
        refusal = Invalid("no")
        with suppress(Invalid), transaction(ctx, spy, write=True):  # type: ignore[arg-type]  # as above
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
            raise refusal
    assert spy.steps == []
    assert not is_revoked(cast)


def test_a_commit_that_fails_takes_its_denial_back(cast: Cast, spy: Spy):
    with Session(cast.resources.engine) as session:
        ctx = context(cast, session)

        @event.listens_for(session, "before_commit")
        def fail(_: Session) -> None:
            raise DBAPIError("COMMIT", None, Exception("disk full"))

        with pytest.raises(DBAPIError), transaction(ctx, spy, write=True):  # type: ignore[arg-type]  # as above
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
    assert spy.steps == ["deny", "undo"]
    assert spy.memory.state((cast.workspace.slug, cast.dana.digest)) == "missing"
    assert not is_revoked(cast)


def test_a_commit_of_unknown_outcome_leaves_the_denial_to_expire(cast: Cast, spy: Spy):
    """Taking it back could open what may have been closed."""
    with Session(cast.resources.engine) as session:
        ctx = context(cast, session)

        @event.listens_for(session, "before_commit")
        def fail(_: Session) -> None:
            raise DBAPIError("COMMIT", None, Exception("connection lost"), connection_invalidated=True)

        with pytest.raises(DBAPIError), transaction(ctx, spy, write=True):  # type: ignore[arg-type]  # as above
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
    assert spy.steps == ["deny"]
    assert spy.memory.state((cast.workspace.slug, cast.dana.digest)) == "closing"


def test_a_transaction_within_a_transaction_is_a_mistake(cast: Cast, spy: Spy):
    with Session(cast.resources.engine) as session:
        session.execute(select(Workspace))
        with pytest.raises(RuntimeError), transaction(context(cast, session), spy, write=True):  # type: ignore[arg-type]  # as above
            pass


def test_changes_come_back_from_the_outbox_as_they_were():
    closing = Closing(kind="token", slug="demo", digest=b"\1" * 32, reason="revoked", nonce="n")
    again = parse_closing(render_closing(closing))
    assert (again.kind, again.slug, again.digest, again.reason) == ("token", "demo", b"\1" * 32, "revoked")
    for opening in (Opening("token", "demo", b"\2" * 32), Opening("workspace", "demo", None)):
        assert parse_opening(render_opening(opening)) == opening


def test_a_real_redis_that_is_down_refuses_the_revoke_and_takes_it_when_it_is_back(cast: Cast, valkey: RealValkey):
    publisher = Publisher(connect(valkey.url))
    valkey.stop()
    try:
        with pytest.raises(Unavailable):
            revoke(cast, publisher)
        assert not is_revoked(cast)
    finally:
        valkey.start()
    assert revoke(cast, publisher).receipt is not None
    assert is_revoked(cast)
