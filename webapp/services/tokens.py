"""Tokens: mint one, list them, revoke one.

Rule: the plaintext leaves `create_token` once and is kept nowhere. A revoke is a closing change: when its transaction
has ended, the gateway admits nobody with that token any more.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select

from common import ids
from common import tokens as minting
from common.admission.records import Closing, Opening
from common.errors import Forbidden, Invalid, NotFound
from common.models import EnvironmentName, Token, User, Workspace
from common.models.token import NAME_LENGTH
from common.permissions import Permission
from webapp.context import Context
from webapp.services import access, activity, texts

SHORTEST_LIFE = 60
LONGEST_LIFE = 5 * 365 * 24 * 3600


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """A token as a list shows it. `owner` is the member's name, None for a bot; `status` active, expired or revoked."""

    token: Token
    owner: str | None
    status: str
    may_revoke: bool


def create_token(
    ctx: Context,
    workspace_id: uuid.UUID,
    *,
    name: str,
    environment: str = EnvironmentName.PROD,
    expires_in: int | str | None = None,
    for_bot: bool = False,
) -> tuple[Token, str]:
    """The token and its plaintext, which nobody can show again. `expires_in` in seconds; None: it does not expire.

    Whoever may read a workspace may have tokens of their own; a bot's takes administer.
    """
    name = texts.read_name(name, maximum=NAME_LENGTH)
    if environment not in list(EnvironmentName):
        raise Invalid(f"The environment must be one of {', '.join(EnvironmentName)}.", "environment")
    life = _read_life(expires_in)
    permission = Permission.ADMINISTER if for_bot else Permission.READ
    workspace = access.require_writable(ctx, workspace_id, permission)
    actor = ctx.require_actor()
    minted = minting.mint()
    token = Token(
        id=ids.new_id(),
        workspace_id=workspace.id,
        environment=EnvironmentName(environment),
        name=name,
        member_id=None if for_bot else actor.id,
        digest=minted.digest,
        display=minted.display,
        rate_limit=None,
        expires_at=None if life is None else ctx.now + life,
        created_by=actor.id,
        created_at=ctx.now,
        revoked_at=None,
        last_used_at=None,
        calls=0,
    )
    ctx.session.add(token)
    ctx.session.flush()
    ctx.openings.append(Opening(kind="token", slug=workspace.slug, digest=token.digest))
    expires_at = token.expires_at and token.expires_at.isoformat()
    _record(ctx, workspace, token, "token.create", environment=environment, bot=for_bot, expires_at=expires_at)
    return token, minted.plaintext


def list_tokens(ctx: Context, workspace_id: uuid.UUID) -> Sequence[TokenEntry]:
    """Everybody's for those who administer the workspace, else one's own; the newest first."""
    workspace = access.require_workspace(ctx, workspace_id, Permission.READ)
    administers = Permission.ADMINISTER in access.workspace_permissions_of(ctx, workspace)
    actor = ctx.require_actor()
    query = (
        select(Token, User.name)
        .outerjoin(User, User.id == Token.member_id)
        .where(Token.workspace_id == workspace.id)
        .order_by(Token.created_at.desc(), Token.id)
    )
    if not administers:
        query = query.where(Token.member_id == actor.id)
    return [
        TokenEntry(token, owner, _status_of(token, ctx.now), token.revoked_at is None)
        for token, owner in ctx.session.execute(query)
    ]


def get_token(ctx: Context, workspace_id: uuid.UUID, token_id: uuid.UUID) -> Token:
    """One's own, or anybody's for those who administer the workspace."""
    workspace = access.require_workspace(ctx, workspace_id, Permission.READ)
    return _get_token(ctx, workspace, token_id)


def revoke_token(ctx: Context, workspace_id: uuid.UUID, token_id: uuid.UUID) -> Token:
    """Also in a frozen workspace. A token that is revoked already is closed and confirmed once more."""
    workspace = access.require_workspace(ctx, workspace_id, Permission.READ, lock=True)
    token = _get_token(ctx, workspace, token_id)
    ctx.closings.append(Closing(kind="token", slug=workspace.slug, digest=token.digest, reason="revoked"))
    if token.revoked_at is None:
        token.revoked_at = ctx.now
        _record(ctx, workspace, token, "token.revoke")
    return token


def _get_token(ctx: Context, workspace: Workspace, token_id: uuid.UUID) -> Token:
    token = ctx.session.scalars(Token.owned_by(workspace.id).where(Token.id == token_id)).one_or_none()
    if token is None:
        raise NotFound
    is_own = token.member_id == ctx.require_actor().id
    if not is_own and Permission.ADMINISTER not in access.workspace_permissions_of(ctx, workspace):
        raise Forbidden("This token belongs to somebody else. Only its owner or an admin may touch it.")
    return token


def _status_of(token: Token, now: datetime) -> str:
    if token.revoked_at is not None:
        return "revoked"
    return "active" if token.is_active(now) else "expired"


def _read_life(expires_in: int | str | None) -> timedelta | None:
    if expires_in is None:
        return None
    text = str(expires_in).strip()
    # Digits only, and few: int() would also take '1_000', '²' or ten thousand digits.
    seconds = int(text) if text.isascii() and text.isdigit() and len(text) <= 12 else 0
    if isinstance(expires_in, bool) or not SHORTEST_LIFE <= seconds <= LONGEST_LIFE:
        raise Invalid(
            f"The expiry is a number of seconds from {SHORTEST_LIFE} (a minute) to {LONGEST_LIFE} (5 years); "
            "leave it empty for a token that does not expire.",
            "expires_in",
        )
    return timedelta(seconds=seconds)


def _record(ctx: Context, workspace: Workspace, token: Token, action: str, **details: object) -> None:
    activity.record(
        ctx,
        workspace.account_id,
        action,
        target=token.name,
        target_id=token.id,
        workspace=workspace,
        display=token.display,
        **details,
    )
