"""Lists of workspaces: filtered, sorted, in pages.

Rule: shows what the actor may read and nothing else, in a number of queries that does not depend on the length; the
account's for those who administer it, else the granted.
"""

import uuid
from dataclasses import dataclass

from sqlalchemy import Select, and_, func, or_, select

from common.errors import Invalid
from common.models import Account, AccountMember, Server, Workspace, WorkspaceMember, WorkspaceStatus
from common.permissions import AccountRole, Permission, Permissions, workspace_permissions
from webapp.context import Context
from webapp.services import texts
from webapp.services.pages import Page

MAX_PER_PAGE = 200


@dataclass(frozen=True, slots=True)
class WorkspaceEntry:
    workspace: Workspace
    account_name: str
    servers: int
    permissions: Permissions


def list_workspaces(
    ctx: Context,
    *,
    query: str = "",
    status: WorkspaceStatus | None = None,
    account_id: uuid.UUID | None = None,
    sort: str = "name",
    page: int = 1,
    per_page: int = 25,
) -> Page[WorkspaceEntry]:
    """`query` is looked for in name and slug; `sort` names a column, with a minus in front for descending."""
    per_page = max(1, min(per_page, MAX_PER_PAGE))
    page = max(1, page)
    visible = _visible_to(ctx.require_actor().id)
    wanted = texts.storable(query).strip()
    if wanted:
        visible = visible.where(
            or_(Workspace.name.icontains(wanted, autoescape=True), Workspace.slug.icontains(wanted, autoescape=True))
        )
    if status is not None:
        visible = visible.where(Workspace.status == status)
    if account_id is not None:
        visible = visible.where(Workspace.account_id == account_id)
    total = ctx.session.scalars(select(func.count()).select_from(visible.subquery())).one()
    servers = (
        select(func.count(Server.id))
        .where(Server.workspace_id == Workspace.id)
        .correlate(Workspace)
        .scalar_subquery()
        .label("servers")
    )
    columns = {
        "name": func.lower(Workspace.name),
        "slug": Workspace.slug,
        "status": Workspace.status,
        "account": func.lower(Account.name),
        "servers": servers,
        "created": Workspace.created_at,
    }
    column = columns.get(sort.removeprefix("-"))
    if column is None:
        raise Invalid(f"Workspaces can be sorted by {', '.join(columns)}.", "sort")
    order = column.desc() if sort.startswith("-") else column.asc()
    rows = ctx.session.execute(
        visible.with_only_columns(Workspace, Account.name, AccountMember.role, WorkspaceMember.role, servers)
        .order_by(order, Workspace.id)
        .limit(per_page)
        .offset((page - 1) * per_page)
    )
    items = [
        WorkspaceEntry(workspace, account_name, count, workspace_permissions(account_role, workspace_role))
        for workspace, account_name, account_role, workspace_role, count in rows
    ]
    return Page(items, total, page, per_page)


def _visible_to(user_id: uuid.UUID) -> Select[uuid.UUID]:
    """The ids of the workspaces that the user may read, joined with what says so."""
    enough = [role for role in AccountRole if Permission.READ in workspace_permissions(role, None)]
    return (
        select(Workspace.id)
        .join(Account, Account.id == Workspace.account_id)
        .outerjoin(
            AccountMember, and_(AccountMember.account_id == Workspace.account_id, AccountMember.user_id == user_id)
        )
        .outerjoin(
            WorkspaceMember, and_(WorkspaceMember.workspace_id == Workspace.id, WorkspaceMember.user_id == user_id)
        )
        .where(
            Workspace.status != WorkspaceStatus.DELETED,
            or_(AccountMember.role.in_(enough), WorkspaceMember.role.is_not(None)),
        )
    )
