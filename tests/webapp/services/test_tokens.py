"""Tokens are shown once, belong to somebody, and are dead when the revoke has been answered."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from common import tokens as minting
from common.errors import Forbidden, Invalid, NotFound, WorkspaceFrozen
from common.models import Activity, Token, User, Workspace, WorkspaceStatus
from common.permissions import WorkspaceRole
from tests.cast import Cast, join
from webapp.services import tokens


def create(cast: Cast, actor: User, **fields) -> tuple[Token, str]:
    with cast.acts(actor) as ctx:
        return tokens.create_token(ctx, cast.workspace.id, **{"name": "Laptop", **fields})


def listed(cast: Cast, actor: User) -> list[tuple[str, str | None, str]]:
    with cast.looks(actor) as ctx:
        return [(one.token.name, one.owner, one.status) for one in tokens.list_tokens(ctx, cast.workspace.id)]


def test_the_plaintext_is_nowhere_but_in_the_answer(cast: Cast):
    token, plaintext = create(cast, cast.bob)
    assert token.digest == minting.digest_of(plaintext)
    assert (token.display, token.environment, token.member_id) == (plaintext[:8], "prod", cast.bob.id)
    with cast.session() as session:
        told = session.scalars(select(Activity).where(Activity.target_id == token.id)).one()
        assert plaintext not in str([told.target, told.details])
        assert plaintext not in str(list(session.get_one(Token, token.id).__dict__.values()))


def test_a_bots_token_belongs_to_nobody_and_takes_an_admin(cast: Cast):
    token, _ = create(cast, cast.alice, for_bot=True, environment="dev")
    assert (token.member_id, token.created_by, token.environment) == (None, cast.alice.id, "dev")
    with pytest.raises(Forbidden):
        create(cast, cast.bob, for_bot=True)
    with pytest.raises(NotFound):
        create(cast, cast.charlie)


def test_a_token_can_expire(cast: Cast):
    for expires_in, seconds in ((60, 60), ("3600", 3600), (5 * 365 * 86400, 5 * 365 * 86400)):
        token, _ = create(cast, cast.alice, expires_in=expires_in)
        assert token.expires_at == token.created_at + timedelta(seconds=seconds)


def test_an_expiry_that_makes_no_sense_is_refused_with_what_would(cast: Cast):
    for expires_in in (0, -1, "abc", "", "1e9", 59, 10 * 365 * 86400, "9" * 5000, True, 3600.5, "６０００", "+600"):
        with pytest.raises(Invalid, match="number of seconds") as refusal:
            create(cast, cast.alice, expires_in=expires_in)
        assert refusal.value.field == "expires_in"
    assert listed(cast, cast.alice) == [("Dana", None, "active")]


def test_other_fields_are_checked_too(cast: Cast):
    for field, value in (("name", ""), ("name", "n" * 81), ("environment", "production")):
        with pytest.raises(Invalid) as refusal:
            create(cast, cast.alice, **{field: value})
        assert refusal.value.field == field


def test_a_frozen_workspace_takes_no_new_token_and_lets_old_ones_be_revoked(cast: Cast):
    with cast.session() as session:
        session.get_one(Workspace, cast.workspace.id).status = WorkspaceStatus.FROZEN
    with pytest.raises(WorkspaceFrozen):
        create(cast, cast.alice)
    with cast.acts(cast.alice) as ctx:
        assert tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id).revoked_at is not None


def test_an_admin_lists_everybodys_a_member_their_own(cast: Cast):
    create(cast, cast.bob, name="Bob's")
    assert listed(cast, cast.alice) == [("Bob's", "Bob", "active"), ("Dana", None, "active")]
    assert listed(cast, cast.bob) == [("Bob's", "Bob", "active")]
    with pytest.raises(NotFound):
        listed(cast, cast.charlie)


def test_a_revoked_and_an_expired_token_stay_in_the_list(cast: Cast):
    create(cast, cast.alice, name="Old", expires_in=60)
    with cast.session() as session:
        old = session.scalars(select(Token).where(Token.name == "Old")).one()
        old.expires_at = old.created_at
    with cast.acts(cast.alice) as ctx:
        tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
    assert listed(cast, cast.alice) == [("Old", "Alice", "expired"), ("Dana", None, "revoked")]


def test_a_revoke_comes_with_a_receipt_also_the_second_time(cast: Cast):
    stamps = set()
    for _ in range(2):
        with cast.acts(cast.alice) as ctx:
            stamps.add(tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id).revoked_at)
        assert ctx.receipt is not None
    assert len(stamps) == 1
    with cast.session() as session:
        assert len(session.scalars(select(Activity).where(Activity.action == "token.revoke")).all()) == 1


def test_a_member_revokes_their_own_token_and_nobody_elses(cast: Cast):
    with cast.session() as session:
        join(session, cast.bob, cast.workspace, WorkspaceRole.WRITER)
    token, _ = create(cast, cast.bob)
    with cast.acts(cast.bob) as ctx:
        assert tokens.get_token(ctx, cast.workspace.id, token.id).id == token.id
        assert tokens.revoke_token(ctx, cast.workspace.id, token.id).revoked_at is not None
        with pytest.raises(Forbidden):
            tokens.revoke_token(ctx, cast.workspace.id, cast.dana.id)
        with pytest.raises(NotFound):
            tokens.revoke_token(ctx, cast.workspace.id, cast.bob.id)
    with cast.acts(cast.charlie) as ctx, pytest.raises(NotFound):
        tokens.revoke_token(ctx, cast.workspace.id, token.id)
