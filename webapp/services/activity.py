"""Activity: tell of a change within it, and list what was told.

Rule: what a service changes, it records here before it returns. Details never hold a secret.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from sqlalchemy import select

from common import activity
from common.models import Activity, Workspace
from common.permissions import Permission
from webapp.context import Context
from webapp.services import access

OPERATOR = "operator"


def record(
    ctx: Context,
    account_id: uuid.UUID,
    action: str,
    *,
    target: str,
    target_id: uuid.UUID | None = None,
    workspace: Workspace | None = None,
    **details: Any,
) -> Activity:
    """Locks the account's row until the commit: whatever else is to be locked comes first."""
    deed = activity.Deed(
        at=ctx.now,
        actor_id=None if ctx.actor is None else ctx.actor.id,
        actor=OPERATOR if ctx.actor is None else ctx.actor.email,
        action=action,
        workspace_id=None if workspace is None else workspace.id,
        target_id=target_id,
        target=target,
        address=ctx.address,
        request_id=ctx.request_id,
        details=details,
    )
    return activity.append(ctx.session, ctx.keyring, account_id, deed)


def list_activity(
    ctx: Context, workspace_id: uuid.UUID | None = None, account_id: uuid.UUID | None = None, limit: int = 25
) -> Sequence[Activity]:
    """The newest entries of a workspace, or of an account for those who administer it; newest first."""
    query = select(Activity).order_by(Activity.seq.desc()).limit(limit)
    if workspace_id is not None:
        workspace = access.require_workspace(ctx, workspace_id, Permission.READ)
        query = query.where(Activity.workspace_id == workspace.id)
    elif account_id is not None:
        account = access.require_account(ctx, account_id, Permission.ADMINISTER)
        query = query.where(Activity.account_id == account.id)
    else:
        raise ValueError("A workspace or an account must be named.")
    return ctx.session.scalars(query).all()
