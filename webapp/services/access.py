"""Access: may this actor do this here?

Rule: without read the thing does not exist (NotFound, as for one that never did); with read but without the permission
asked, Forbidden. A workspace that is frozen or being closed takes no writes. Locks: workspace before account.
"""

import uuid

from sqlalchemy import select

from common.errors import Forbidden, NotFound, WorkspaceFrozen, WorkspaceOffboarding
from common.models import Account, AccountMember, Workspace, WorkspaceMember, WorkspaceStatus
from common.permissions import (
    AccountRole,
    Permission,
    Permissions,
    account_permissions,
    workspace_permissions,
)
from webapp.context import Context

_SENTENCES = {
    Permission.READ: "You may not see this.",
    Permission.WRITE: "You may look, but not change anything here. Ask an admin for the writer role.",
    Permission.ADMINISTER: "Only admins may do this. Ask one of them.",
}


def require_account(ctx: Context, account_id: uuid.UUID, permission: Permission, *, lock: bool = False) -> Account:
    """The account, its row locked until the commit when `lock` is set."""
    query = select(Account).where(Account.id == account_id)
    if lock:
        query = query.with_for_update(key_share=True).execution_options(populate_existing=True)
    account = ctx.session.scalars(query).one_or_none()
    if account is None:
        raise NotFound
    _judge(account_permissions(_account_role(ctx, account_id)), permission)
    return account


def require_workspace(
    ctx: Context, workspace_id: uuid.UUID, permission: Permission, *, lock: bool = False
) -> Workspace:
    """The workspace, its row locked until the commit when `lock` is set."""
    query = select(Workspace).where(Workspace.id == workspace_id, Workspace.status != WorkspaceStatus.DELETED)
    if lock:
        # The full lock: the ingest's share of it must wait, or be waited for, before either touches a token's row.
        query = query.with_for_update().execution_options(populate_existing=True)
    workspace = ctx.session.scalars(query).one_or_none()
    if workspace is None:
        raise NotFound
    require(ctx, workspace, permission)
    return workspace


def require_writable(ctx: Context, workspace_id: uuid.UUID, permission: Permission) -> Workspace:
    """The workspace, locked, for a change that a frozen or closing one refuses."""
    workspace = require_workspace(ctx, workspace_id, permission, lock=True)
    require_open(workspace)
    return workspace


def require_open(workspace: Workspace) -> None:
    if workspace.status is WorkspaceStatus.FROZEN:
        raise WorkspaceFrozen("This workspace is frozen. Unfreeze it to change anything.")
    if workspace.status is WorkspaceStatus.OFFBOARDING:
        raise WorkspaceOffboarding("This workspace is being closed. Cancel that to change anything.")


def require(ctx: Context, workspace: Workspace, permission: Permission) -> None:
    _judge(workspace_permissions_of(ctx, workspace), permission)


def workspace_permissions_of(ctx: Context, workspace: Workspace) -> Permissions:
    """All that the actor may do in this workspace."""
    query = select(WorkspaceMember.role).where(
        WorkspaceMember.workspace_id == workspace.id, WorkspaceMember.user_id == ctx.require_actor().id
    )
    role = ctx.session.scalars(query).one_or_none()
    return workspace_permissions(_account_role(ctx, workspace.account_id), role)


def _account_role(ctx: Context, account_id: uuid.UUID) -> AccountRole | None:
    query = select(AccountMember.role).where(
        AccountMember.account_id == account_id, AccountMember.user_id == ctx.require_actor().id
    )
    return ctx.session.scalars(query).one_or_none()


def _judge(permissions: Permissions, permission: Permission) -> None:
    if Permission.READ not in permissions:
        raise NotFound
    if permission not in permissions:
        raise Forbidden(_SENTENCES[permission])
