"""Workspaces: create, find, change, destroy.

Rule: the plan's limit is judged with the account's row locked, in the transaction of the insert. A slug is claimed for
ever. Whatever the gateway must see raises the workspace's version in the same transaction.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from sqlalchemy import CursorResult, case, delete

from common import ids
from common.admission.records import Closing, Opening
from common.errors import Invalid, PlanLimitReached
from common.models import (
    Account,
    Call,
    Environment,
    EnvironmentName,
    EnvironmentStatus,
    Server,
    Token,
    Workspace,
    WorkspaceMember,
    WorkspaceStatus,
)
from common.models.workspace import DESCRIPTION_LENGTH, EXECUTION_TIMEOUT, NAME_LENGTH, RATE_LIMIT
from common.permissions import Permission, WorkspaceRole
from common.plans import PLANS
from webapp.context import Context
from webapp.services import access, accounts, activity, slug_claims, texts

LONGEST_TIMEOUT = 300


@dataclass(frozen=True, slots=True)
class Destruction:
    """What is left of a destroyed workspace: how much of what there was."""

    slug: str
    name: str
    counts: dict[str, int]


def get_workspace(ctx: Context, workspace_id: uuid.UUID) -> Workspace:
    return access.require_workspace(ctx, workspace_id, Permission.READ)


def list_environments(ctx: Context, workspace_id: uuid.UUID) -> Sequence[Environment]:
    """From dev to prod."""
    access.require_workspace(ctx, workspace_id, Permission.READ)
    position = case({name.value: index for index, name in enumerate(EnvironmentName)}, value=Environment.name)
    return ctx.session.scalars(Environment.owned_by(workspace_id).order_by(position)).all()


def create_workspace(
    ctx: Context, account_id: uuid.UUID, *, name: str, description: str = "", region: str | None = None
) -> Workspace:
    """A workspace that the gateway answers for as soon as the transaction has been committed."""
    name = texts.read_name(name, minimum=2, maximum=NAME_LENGTH)
    description = texts.read_paragraph(description, "description", maximum=DESCRIPTION_LENGTH)
    region = ctx.settings.regions[0] if region is None else region
    if region not in ctx.settings.regions:
        raise Invalid(f"There is no region {region!r}; there are {', '.join(ctx.settings.regions)}.", "region")
    account = access.require_account(ctx, account_id, Permission.ADMINISTER, lock=True)
    _require_room(ctx, account)
    workspace = Workspace(
        id=ids.new_id(),
        account_id=account.id,
        name=name,
        description=description,
        status=WorkspaceStatus.ACTIVE,
        region=region,
        tenancy="shared",
        rate_limit=RATE_LIMIT,
        execution_timeout=EXECUTION_TIMEOUT,
        version=1,
        data_key=ctx.keyring.new_data_key(),
        created_at=ctx.now,
    )
    workspace.slug = slug_claims.claim_slug(ctx, name, workspace.id)
    ctx.session.add(workspace)
    ctx.session.flush()
    _furnish(ctx, workspace)
    ctx.openings.append(Opening(kind="workspace", slug=workspace.slug, digest=None))
    activity.record(
        ctx,
        account.id,
        "workspace.create",
        target=name,
        target_id=workspace.id,
        workspace=workspace,
        slug=workspace.slug,
    )
    return workspace


def update_workspace(
    ctx: Context,
    workspace_id: uuid.UUID,
    *,
    name: str | None = None,
    description: str | None = None,
    rate_limit: int | None = None,
    execution_timeout: int | None = None,
) -> Workspace:
    """Changes what is given. `rate_limit` in requests per token and minute, `execution_timeout` in seconds."""
    workspace = access.require_writable(ctx, workspace_id, Permission.ADMINISTER)
    changes: dict[str, Any] = {}
    if name is not None:
        changes["name"] = texts.read_name(name, minimum=2, maximum=NAME_LENGTH)
    if description is not None:
        changes["description"] = texts.read_paragraph(description, "description", maximum=DESCRIPTION_LENGTH)
    if rate_limit is not None:
        changes["rate_limit"] = _within(rate_limit, 1, RATE_LIMIT, "rate_limit", "The rate limit")
    if execution_timeout is not None:
        changes["execution_timeout"] = _within(
            execution_timeout, 1, LONGEST_TIMEOUT, "execution_timeout", "The execution timeout"
        )
    changes = {field: value for field, value in changes.items() if getattr(workspace, field) != value}
    if not changes:
        return workspace
    lowers = changes.get("rate_limit", workspace.rate_limit) < workspace.rate_limit
    for field, value in changes.items():
        setattr(workspace, field, value)
    publish_change(ctx, workspace, closes="limit lowered" if lowers else None)
    activity.record(
        ctx,
        workspace.account_id,
        "workspace.update",
        target=workspace.name,
        target_id=workspace.id,
        workspace=workspace,
        **changes,
    )
    return workspace


def delete_workspace(ctx: Context, workspace_id: uuid.UUID, *, typed_slug: str) -> Destruction:
    """Destroys the workspace now: its rows and its data key. Its slug stays claimed, its activity stays told."""
    workspace = access.require_workspace(ctx, workspace_id, Permission.ADMINISTER, lock=True)
    if typed_slug.strip() != workspace.slug:
        raise Invalid(f"To delete this workspace, type its slug: {workspace.slug}", "typed_slug")
    ctx.closings.append(Closing(kind="workspace", slug=workspace.slug, digest=None, reason="deleted"))
    counts = {
        "servers": _destroy(ctx, Server, workspace.id),
        "tokens": _destroy(ctx, Token, workspace.id),
        "members": _destroy(ctx, WorkspaceMember, workspace.id),
        "environments": _destroy(ctx, Environment, workspace.id),
        "calls": _destroy(ctx, Call, workspace.id),
    }
    ctx.session.delete(workspace)
    ctx.session.flush()
    activity.record(
        ctx,
        workspace.account_id,
        "workspace.delete",
        target=workspace.name,
        target_id=workspace.id,
        workspace=workspace,
        slug=workspace.slug,
        destroyed=counts,
    )
    return Destruction(workspace.slug, workspace.name, counts)


def publish_change(ctx: Context, workspace: Workspace, *, closes: str | None = None) -> None:
    """The gateway must see this change; `closes` says why when nothing may slip through before it does."""
    workspace.version += 1
    if closes is None:
        ctx.openings.append(Opening(kind="workspace", slug=workspace.slug, digest=None))
    else:
        ctx.closings.append(Closing(kind="workspace", slug=workspace.slug, digest=None, reason=closes))


def _require_room(ctx: Context, account: Account) -> None:
    maximum = PLANS[account.plan].workspaces
    current = accounts.count_workspaces(ctx, account.id)
    if maximum is not None and current >= maximum:
        raise PlanLimitReached("workspaces", current, maximum)


def _furnish(ctx: Context, workspace: Workspace) -> None:
    for name in EnvironmentName:
        ctx.session.add(
            Environment(
                workspace_id=workspace.id, name=name, status=EnvironmentStatus.READY, created_at=workspace.created_at
            )
        )
    ctx.session.add(
        WorkspaceMember(
            workspace_id=workspace.id,
            user_id=ctx.require_actor().id,
            role=WorkspaceRole.ADMIN,
            created_at=workspace.created_at,
        )
    )


def _destroy(ctx: Context, model: type[Any], workspace_id: uuid.UUID) -> int:
    query = delete(model).where(model.workspace_id == workspace_id).execution_options(synchronize_session=False)
    return cast("CursorResult[Any]", ctx.session.execute(query)).rowcount


def _within(value: int, minimum: int, maximum: int, field: str, what: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not minimum <= value <= maximum:
        raise Invalid(f"{what} must be a whole number from {minimum} to {maximum}.", field)
    return value
