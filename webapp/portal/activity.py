"""Activity of a workspace, told in sentences."""

import uuid

from flask import Blueprint, render_template, request

from common.models import Activity
from common.permissions import Permission
from webapp.context import Context
from webapp.portal.door import Body, door
from webapp.services import activity

blueprint = Blueprint("activity", __name__)

STEP = 50
MOST = 1000

_DEEDS = {
    "account.create": "created the account {target}",
    "account.rename": "renamed the account to {target}",
    "account.plan": "changed the plan of {target}",
    "workspace.create": "created this workspace",
    "workspace.update": "changed the settings: {changed}",
    "workspace.delete": "deleted the workspace {target}",
    "token.create": "created the token {target}",
    "token.revoke": "revoked the token {target}",
    "server.add": "added the server {target}",
    "server.enable": "enabled the server {target}",
    "server.disable": "disabled the server {target}",
    "server.probe": "tried the server {target} again",
    "server.remove": "removed the server {target}",
}


@blueprint.get("/workspaces/<uuid:workspace_id>/activity")
@door(Permission.READ)
def index(ctx: Context, workspace_id: uuid.UUID) -> Body:
    limit = max(STEP, min(request.args.get("limit", STEP, type=int), MOST))
    entries = activity.list_activity(ctx, workspace_id, limit=limit)
    more = limit + STEP if len(entries) == limit < MOST else None
    return render_template("activity/list.html", entries=entries, more=more)


def sentence_of(entry: Activity) -> str:
    """`alice@example.com revoked the token Laptop`; a deed without a sentence is told by its name."""
    deed = _DEEDS.get(entry.action)
    if deed is None:
        return f"{entry.actor} {entry.action} {entry.target}".rstrip()
    changed = ", ".join(sorted(entry.details or {})).replace("_", " ")
    return f"{entry.actor} {deed.format(target=entry.target, changed=changed)}"
