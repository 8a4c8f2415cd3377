"""Servers: add, list with their tools, try again, switch, remove.

Rule: a server is tried while no transaction is open. Credentials go from the form to the service and nowhere else.
"""

import uuid
from threading import BoundedSemaphore

from flask import Blueprint, current_app, flash, g, redirect, render_template, url_for
from wtforms import Field, PasswordField, RadioField, StringField

from common.errors import DomainError, PlanLimitReached, Unavailable, UpstreamRefused
from common.models import Server, ServerAuth, ServerSessions
from common.permissions import Permission
from common.plans import PLANS
from upstream.client import Probe
from webapp.context import Context
from webapp.portal.door import AfterCommit, Body, Preparation, door
from webapp.portal.forms import Confirmation, Form, choice, needed, read, shown
from webapp.portal.receipts import render_receipt
from webapp.services import accounts, servers
from webapp.services.server_drafts import ServerDraft

blueprint = Blueprint("servers", __name__)

CALLS_END = "Calls of this server that were under way end now."
HEADERS = ("1", "2", "3")
AUTHS = [
    choice(ServerAuth.NONE.value, "Not at all"),
    choice(ServerAuth.BEARER.value, "Bearer token"),
    choice(ServerAuth.HEADERS.value, "Headers"),
]
SESSIONS = [
    choice(ServerSessions.SHARED.value, "One session for everybody"),
    choice(ServerSessions.TOKEN.value, "One session per token"),
    choice(ServerSessions.CLIENT.value, "One session per client connection"),
]


class ServerForm(Form):
    url = StringField("Address", needed("Type the server’s address."))
    name = StringField("Name", needed("Give the server a name."))
    prefix = StringField("Prefix")
    auth = RadioField("How it authenticates", choices=AUTHS, default=ServerAuth.NONE.value)
    bearer = PasswordField("Bearer token")
    header_1 = StringField("Header 1")
    header_2 = StringField("Header 2")
    header_3 = StringField("Header 3")
    value_1 = PasswordField("Value of header 1")
    value_2 = PasswordField("Value of header 2")
    value_3 = PasswordField("Value of header 3")
    sessions = RadioField("Sessions with the server", choices=SESSIONS, default=ServerSessions.SHARED.value)

    def header_rows(self) -> list[tuple[Field, Field]]:
        return [(self[f"header_{number}"], self[f"value_{number}"]) for number in HEADERS]

    def credentials(self) -> list[tuple[str, str]]:
        """Pairs of header name and value, as far as the chosen way takes them."""
        if self.auth.data == ServerAuth.BEARER:
            return [("Authorization", self.bearer.data or "")]
        if self.auth.data == ServerAuth.HEADERS:
            rows = [(name.data or "", value.data or "") for name, value in self.header_rows()]
            return [row for row in rows if any(row)]
        return []

    def refuse(self, error: DomainError) -> None:
        if error.details.get("field") == "credentials" and self.auth.data == ServerAuth.BEARER:
            self.bearer.errors = [error.message]
        else:
            super().refuse(error)


def shown_tools(server: Server) -> str:
    """How many tools it has, in words; of a list that was cut only that it has at least so many."""
    kept = len(server.tools)
    if kept < servers.TOOLS_KEPT:
        return f"{kept} tool{'' if kept == 1 else 's'}"
    return f"{kept:,}+ tools"


@blueprint.get("/workspaces/<uuid:workspace_id>/servers")
@door(Permission.READ)
def index(ctx: Context, workspace_id: uuid.UUID) -> Body:
    return render_template("servers/list.html", servers=servers.list_servers(ctx, workspace_id))


@blueprint.get("/workspaces/<uuid:workspace_id>/servers/new")
@door(Permission.WRITE)
def new(ctx: Context, workspace_id: uuid.UUID) -> Body:
    form = shown(ServerForm)
    others = len(servers.list_servers(ctx, workspace_id))
    maximum = _find_maximum(ctx)
    if maximum is not None and others >= maximum:
        form.refuse(PlanLimitReached("servers", others, maximum))
    return render_template("servers/new.html", form=form, is_first=others == 0)


def plan(ctx: Context, workspace_id: uuid.UUID) -> ServerDraft:
    form = read(ServerForm)
    return servers.plan_server(
        ctx,
        workspace_id,
        name=form.name.data or "",
        prefix=form.prefix.data or "",
        url=form.url.data or "",
        auth=form.auth.data,
        credentials=form.credentials(),
        sessions=form.sessions.data,
    )


def probe(draft: ServerDraft) -> Probe:
    # A try may last ten seconds, and whoever adds servers chooses how long: most threads stay free for pages.
    turn: BoundedSemaphore = current_app.extensions["tries"]
    if not turn.acquire(blocking=False):
        raise Unavailable("Other servers are being tried at the moment. Send this again in a few seconds.")
    try:
        return servers.probe_draft(current_app.extensions["stoa"].settings, draft)
    finally:
        turn.release()


@blueprint.post("/workspaces/<uuid:workspace_id>/servers/new")
@door(Permission.WRITE, again=new, prepare=Preparation(plan, probe))
def add(ctx: Context, workspace_id: uuid.UUID, draft: ServerDraft, outcome: Probe) -> Body:
    server = servers.add_server(ctx, workspace_id, draft, outcome)
    flash(f"{server.name} answered with {shown_tools(server)} and is added.", "good")
    return redirect(url_for("servers.index", workspace_id=workspace_id), 303)


@blueprint.post("/workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/enable")
@door(Permission.WRITE)
def enable(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> Body:
    server = servers.set_enabled(ctx, workspace_id, server_id, True)
    flash(f"{server.name} is enabled: its tools are in the next list that a client asks for.", "good")
    return redirect(url_for("servers.index", workspace_id=workspace_id), 303)


@blueprint.post("/workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/disable")
@door(Permission.WRITE)
def disable(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> AfterCommit:
    server = servers.set_enabled(ctx, workspace_id, server_id, False)
    target = url_for("servers.index", workspace_id=workspace_id)
    done = f"{server.name} is disabled."
    return AfterCommit(lambda receipt: render_receipt(done, receipt, target, asked=bool(ctx.closings), ended=CALLS_END))


def ask_again(draft: ServerDraft) -> Probe | UpstreamRefused:
    try:
        return probe(draft)
    except UpstreamRefused as error:
        return error


@blueprint.post("/workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/probe")
@door(Permission.WRITE, prepare=Preparation(servers.plan_refresh, ask_again))
def retry(
    ctx: Context,
    workspace_id: uuid.UUID,
    server_id: uuid.UUID,
    draft: ServerDraft,
    outcome: Probe | UpstreamRefused,
) -> Body:
    server = servers.record_probe(ctx, workspace_id, server_id, outcome)
    if server.probe_error:
        flash(f"{server.name} did not answer as it should.", "bad")
    else:
        flash(f"{server.name} answered.", "good")
    return redirect(url_for("servers.index", workspace_id=workspace_id), 303)


def _find_maximum(ctx: Context) -> int | None:
    """The plan's, so that nobody types a credential in vain; a guest, who sees no account, is told when adding."""
    plans = (entry.account.plan for entry in accounts.list_accounts(ctx) if entry.account.id == g.workspace.account_id)
    return next((PLANS[plan].servers for plan in plans), None)


@blueprint.get("/workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/remove")
@door(Permission.WRITE)
def remove(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> Body:
    server = servers.get_server(ctx, workspace_id, server_id)
    return render_template("servers/remove.html", server=server, form=shown(Confirmation))


@blueprint.post("/workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/remove")
@door(Permission.WRITE, again=remove)
def destroy(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> AfterCommit:
    read(Confirmation)
    name = servers.get_server(ctx, workspace_id, server_id).name
    servers.remove_server(ctx, workspace_id, server_id)
    target = url_for("servers.index", workspace_id=workspace_id)
    return AfterCommit(lambda receipt: render_receipt(f"{name} is removed.", receipt, target, ended=CALLS_END))
