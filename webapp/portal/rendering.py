"""What every template may use: assets, the viewer, the workspace.

Rule: templates decide nothing; what they hide, the door refuses.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flask import Flask, g, request, url_for

from common.models import Workspace
from common.permissions import Permission
from webapp.portal.activity import sentence_of
from webapp.portal.headers import nonce
from webapp.services import workspace_lists

THEMES = ("light", "dark")
SUM_DIGITS = 12
PICKER_LENGTH = 12


def install(app: Flask, *, gateway_url: str) -> None:
    sums = _sums(app)

    def asset(name: str) -> str:
        """The address of a static file, with its sum in it: it can be kept for ever."""
        return url_for("static", filename=name, v=sums[name])

    def gateway_address(workspace: Workspace) -> str:
        return f"{gateway_url}/ws/{workspace.slug}"

    app.jinja_env.globals.update(asset=asset, gateway_url=gateway_address, sentence_of=sentence_of, here=here)
    app.context_processor(_of_request)


def here(**changes: Any) -> str:
    """This page's address with some arguments of its query changed; None takes one out."""
    arguments = {**request.args.to_dict(), **(request.view_args or {}), **changes}
    return url_for(request.endpoint or "home.index", **{name: value for name, value in arguments.items() if value})


def _of_request() -> dict[str, Any]:
    permissions = g.get("permissions", frozenset())
    theme = request.cookies.get("theme")
    return {
        "nonce": nonce(),
        "theme": theme if theme in THEMES else None,
        "viewer": g.get("viewer"),
        "workspace": g.get("workspace"),
        "may_write": Permission.WRITE in permissions,
        "may_administer": Permission.ADMINISTER in permissions,
        "picker": _picker,
    }


def _picker() -> Sequence[Workspace]:
    return [entry.workspace for entry in workspace_lists.list_workspaces(g.ctx, per_page=PICKER_LENGTH).items]


def _sums(app: Flask) -> dict[str, str]:
    folder = app.static_folder or ""
    paths = (path for path in Path(folder).rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[:SUM_DIGITS]
        for path in paths
    }
