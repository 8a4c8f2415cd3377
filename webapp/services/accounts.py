"""Accounts: a user's organizations, and how full their plan is.

Rule: whoever creates an account owns it. The plan is the operator's to change; a lower one deletes nothing.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import func, select

from common import ids
from common.activity import begin_chain
from common.errors import Invalid, NotFound
from common.models import Account, AccountMember, User, Workspace
from common.models.account import NAME_LENGTH
from common.permissions import AccountRole, Permission, Permissions, account_permissions
from common.plans import PLANS, Plan
from webapp.context import Context
from webapp.services import access, activity, texts


@dataclass(frozen=True, slots=True)
class AccountEntry:
    """An account as its member sees it; `workspaces` counts all of the account's."""

    account: Account
    permissions: Permissions
    workspaces: int


@dataclass(frozen=True, slots=True)
class Usage:
    plan: Plan
    workspaces: int
    members: int


def list_accounts(ctx: Context) -> Sequence[AccountEntry]:
    """The accounts of the actor, by name."""
    return _entries_of(ctx, ctx.require_actor())


def list_administered(ctx: Context, user: User) -> Sequence[AccountEntry]:
    """The accounts that this user administers, by name; for the operator, anybody's."""
    return [entry for entry in _entries_of(ctx, user) if Permission.ADMINISTER in entry.permissions]


def create_account(ctx: Context, *, name: str) -> Account:
    """A new account on the installation's default plan, owned by the actor."""
    actor = ctx.require_actor()
    account = Account(
        id=ids.new_id(),
        name=texts.read_name(name, maximum=NAME_LENGTH),
        plan=ctx.settings.default_plan,
        created_at=ctx.now,
    )
    begin_chain(account, ctx.keyring)
    ctx.session.add(account)
    ctx.session.flush()
    ctx.session.add(AccountMember(account_id=account.id, user_id=actor.id, role=AccountRole.OWNER, created_at=ctx.now))
    activity.record(ctx, account.id, "account.create", target=account.name, target_id=account.id)
    return account


def rename_account(ctx: Context, account_id: uuid.UUID, *, name: str) -> Account:
    account = access.require_account(ctx, account_id, Permission.ADMINISTER, lock=True)
    before, account.name = account.name, texts.read_name(name, maximum=NAME_LENGTH)
    if account.name != before:
        activity.record(ctx, account.id, "account.rename", target=account.name, target_id=account.id, before=before)
    return account


def usage(ctx: Context, account_id: uuid.UUID) -> Usage:
    """What the account has of what its plan allows."""
    account = access.require_account(ctx, account_id, Permission.READ)
    members = select(func.count()).select_from(AccountMember).where(AccountMember.account_id == account_id)
    return Usage(
        plan=PLANS[account.plan],
        workspaces=count_workspaces(ctx, account_id),
        members=ctx.session.scalars(members).one(),
    )


def count_workspaces(ctx: Context, account_id: uuid.UUID) -> int:
    query = select(func.count()).select_from(Workspace).where(Workspace.account_id == account_id)
    return ctx.session.scalars(query).one()


def set_plan(ctx: Context, account_id: uuid.UUID, plan: str) -> Account:
    """For the operator: asks for no permission."""
    if plan not in PLANS:
        raise Invalid(f"There is no plan {plan!r}; there are {', '.join(PLANS)}.", "plan")
    account = ctx.session.get(Account, account_id, with_for_update={"key_share": True})
    if account is None:
        raise NotFound
    before, account.plan = account.plan, plan
    activity.record(ctx, account.id, "account.plan", target=account.name, target_id=account.id, before=before, now=plan)
    return account


def _entries_of(ctx: Context, user: User) -> Sequence[AccountEntry]:
    workspaces = (
        select(func.count(Workspace.id)).where(Workspace.account_id == Account.id).correlate(Account).scalar_subquery()
    )
    query = (
        select(Account, AccountMember.role, workspaces)
        .join(AccountMember, AccountMember.account_id == Account.id)
        .where(AccountMember.user_id == user.id)
        .order_by(func.lower(Account.name), Account.id)
    )
    return [
        AccountEntry(account, account_permissions(role), count) for account, role, count in ctx.session.execute(query)
    ]
