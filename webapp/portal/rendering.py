"""What every template may use: assets, the viewer, the workspace.

Rule: templates decide nothing; what they hide, the door refuses.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask import Flask, g, request, url_for

from common.errors import NotFound
from common.models import Workspace, WorkspaceStatus
from common.permissions import Permission
from webapp.portal.activity import sentence_of
from webapp.portal.headers import nonce
from webapp.portal.servers import shown_tools
from webapp.portal.visitors import remembered_workspace
from webapp.services import access, client_configurations, workspace_lists

THEMES = ("light", "dark")
SUM_DIGITS = 12
PICKER_LENGTH = 12
CLOSED = (WorkspaceStatus.FROZEN, WorkspaceStatus.OFFBOARDING)


@dataclass(frozen=True, slots=True)
class Picker:
    """The workspaces to go to from the top bar: the one at hand, and as many as a menu has room for."""

    current: Workspace | None
    workspaces: Sequence[Workspace]
    total: int


def install(app: Flask, *, gateway_url: str) -> None:
    sums = _sums(app)

    def asset(name: str) -> str:
        """The address of a static file, with its sum in it: it can be kept for ever."""
        return url_for("static", filename=name, v=sums[name])

    def gateway_address(workspace: Workspace) -> str:
        return client_configurations.render_url(gateway_url, workspace.slug)

    app.jinja_env.globals.update(
        asset=asset, gateway_url=gateway_address, sentence_of=sentence_of, shown_tools=shown_tools, here=here
    )
    app.context_processor(_of_request)


def here(**changes: Any) -> str:
    """This page's address with some arguments of its query changed; None takes one out."""
    asked = {name: value for name, value in request.args.items() if not _steers_url_for(name)}
    arguments = {**asked, **(request.view_args or {}), **changes}
    return url_for(request.endpoint or "home.index", **{name: value for name, value in arguments.items() if value})


def _steers_url_for(name: str) -> bool:
    """`_external` and its like would make the link lead to whatever host and scheme the caller names."""
    return name.startswith("_") or name == "endpoint"


def _of_request() -> dict[str, Any]:
    permissions = g.get("permissions", frozenset())
    workspace = g.get("workspace")
    theme = request.cookies.get("theme")
    return {
        "nonce": nonce(),
        "theme": theme if theme in THEMES else None,
        "viewer": g.get("viewer"),
        "workspace": workspace,
        "may_write": Permission.WRITE in permissions,
        "may_administer": Permission.ADMINISTER in permissions,
        "is_open": workspace is not None and workspace.status not in CLOSED,
        "picker": _picker,
    }


def _picker() -> Picker:
    page = workspace_lists.list_workspaces(g.ctx, per_page=PICKER_LENGTH)
    current = g.get("workspace") or _remembered()
    others = [entry.workspace for entry in page.items if current is None or entry.workspace.id != current.id]
    return Picker(current, [current, *others][:PICKER_LENGTH] if current else others, page.total)


def _remembered() -> Workspace | None:
    workspace_id = remembered_workspace()
    if workspace_id is None:
        return None
    try:
        return access.require_workspace(g.ctx, workspace_id, Permission.READ)
    except NotFound:
        return None


def _sums(app: Flask) -> dict[str, str]:
    folder = app.static_folder or ""
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:SUM_DIGITS]
        for path in paths
    }
