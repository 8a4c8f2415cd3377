"""Workspaces: list, create, overview, settings, delete."""

import uuid
from contextlib import suppress
from dataclasses import dataclass
from typing import Self

from flask import Blueprint, flash, redirect, render_template, request, url_for
from wtforms import SelectField, StringField, TextAreaField

from common.errors import PlanLimitReached
from common.ids import find_id
from common.models import Account, WorkspaceStatus
from common.permissions import Permission
from common.plans import PLANS
from webapp.context import Context
from webapp.portal.door import AfterCommit, Body, door
from webapp.portal.forms import Form, as_whole_number, choice, needed, read, shown
from webapp.portal.receipts import render_receipt
from webapp.services import accounts, activity, servers, tokens, workspace_lists, workspaces

blueprint = Blueprint("workspaces", __name__)

PER_PAGE = 25
SORTS = ("name", "account", "servers", "status", "created")


class NewWorkspaceForm(Form):
    name = StringField("Name", needed("Give the workspace a name."))
    description = StringField("Description")
    account = SelectField("Account")
    region = SelectField("Region")


class SettingsForm(Form):
    name = StringField("Name", needed("Give the workspace a name."))
    description = TextAreaField("Description")
    rate_limit = StringField("Rate limit")
    execution_timeout = StringField("Execution timeout")


class DeleteForm(Form):
    typed_slug = StringField("Slug")


@dataclass(frozen=True, slots=True)
class Filters:
    """What the list's address asks for; what makes no sense there is left out."""

    query: str
    status: WorkspaceStatus | None
    account_id: uuid.UUID | None
    sort: str
    page: int

    @classmethod
    def of_request(cls) -> Self:
        status, sort = None, request.args.get("sort", "name")
        with suppress(ValueError):
            status = WorkspaceStatus(request.args.get("status", ""))
        return cls(
            query=request.args.get("q", "")[:80],
            status=status,
            account_id=find_id(request.args.get("account", "")),
            sort=sort if sort.removeprefix("-") in SORTS else "name",
            page=min(request.args.get("page", 1, type=int), 1_000_000),
        )


@blueprint.get("/workspaces")
@door()
def index(ctx: Context) -> Body:
    filters = Filters.of_request()
    page = workspace_lists.list_workspaces(
        ctx,
        query=filters.query,
        status=filters.status,
        account_id=filters.account_id,
        sort=filters.sort,
        page=filters.page,
        per_page=PER_PAGE,
    )
    return render_template(
        "workspaces/list.html",
        page=page,
        filters=filters,
        accounts=[entry.account for entry in accounts.list_accounts(ctx)],
        statuses=[status for status in WorkspaceStatus if status is not WorkspaceStatus.DELETED],
        any_workspace=page.total > 0 or workspace_lists.list_workspaces(ctx, per_page=1).total > 0,
    )


@blueprint.get("/workspaces/new")
@door()
def new(ctx: Context) -> Body:
    form = shown(NewWorkspaceForm, data={"account": request.args.get("account")})
    _offer(ctx, form)
    if full := _find_reached_limit(ctx):
        form.refuse(full)
    return render_template("workspaces/new.html", form=form)


@blueprint.post("/workspaces/new")
@door(again=new)
def create(ctx: Context) -> Body:
    form = read(NewWorkspaceForm, prepare=lambda form: _offer(ctx, form))
    workspace = workspaces.create_workspace(
        ctx,
        uuid.UUID(form.account.data),
        name=form.name.data or "",
        description=form.description.data or "",
        region=form.region.data,
    )
    flash(f"{workspace.name} is ready. Its gateway answers already.", "good")
    return redirect(url_for("workspaces.show", workspace_id=workspace.id), 303)


@blueprint.get("/workspaces/<uuid:workspace_id>")
@door(Permission.READ)
def show(ctx: Context, workspace_id: uuid.UUID) -> Body:
    workspace = workspaces.get_workspace(ctx, workspace_id)
    opening = [entry.token for entry in tokens.list_tokens(ctx, workspace_id) if entry.status == "active"]
    return render_template(
        "workspaces/show.html",
        account=_find_account(ctx, workspace.account_id),
        environments=workspaces.list_environments(ctx, workspace_id),
        servers=servers.list_servers(ctx, workspace_id),
        has_token=bool(opening),
        has_called=any(token.last_used_at for token in opening),
        entries=activity.list_activity(ctx, workspace_id),
    )


@blueprint.get("/workspaces/<uuid:workspace_id>/settings")
@door(Permission.READ)
def settings(ctx: Context, workspace_id: uuid.UUID) -> Body:
    form = shown(SettingsForm, obj=workspaces.get_workspace(ctx, workspace_id))
    return render_template("workspaces/settings.html", form=form)


@blueprint.post("/workspaces/<uuid:workspace_id>/settings")
@door(Permission.ADMINISTER, again=settings)
def update(ctx: Context, workspace_id: uuid.UUID) -> Body:
    form = read(SettingsForm)
    workspaces.update_workspace(
        ctx,
        workspace_id,
        name=form.name.data or "",
        description=form.description.data or "",
        rate_limit=as_whole_number(form.rate_limit),
        execution_timeout=as_whole_number(form.execution_timeout),
    )
    flash("The settings are saved.", "good")
    return redirect(url_for("workspaces.settings", workspace_id=workspace_id), 303)


@blueprint.get("/workspaces/<uuid:workspace_id>/delete")
@door(Permission.ADMINISTER)
def delete(ctx: Context, workspace_id: uuid.UUID) -> Body:
    return render_template(
        "workspaces/delete.html",
        form=shown(DeleteForm),
        servers=len(servers.list_servers(ctx, workspace_id)),
        tokens=sum(entry.status == "active" for entry in tokens.list_tokens(ctx, workspace_id)),
    )


@blueprint.post("/workspaces/<uuid:workspace_id>/delete")
@door(Permission.ADMINISTER, again=delete)
def destroy(ctx: Context, workspace_id: uuid.UUID) -> AfterCommit:
    form = read(DeleteForm)
    destruction = workspaces.delete_workspace(ctx, workspace_id, typed_slug=form.typed_slug.data or "")
    done = f"{destruction.name} is deleted."
    return AfterCommit(lambda receipt: render_receipt(done, receipt, url_for("workspaces.index")))


def _find_account(ctx: Context, account_id: uuid.UUID) -> Account | None:
    """The account, for those who belong to it; a guest of one workspace sees no account."""
    return next((entry.account for entry in accounts.list_accounts(ctx) if entry.account.id == account_id), None)


def _find_reached_limit(ctx: Context) -> PlanLimitReached | None:
    """What a new workspace would be refused for in every account, told before the form is filled in."""
    reached = None
    for entry in accounts.list_administered(ctx, ctx.require_actor()):
        maximum = PLANS[entry.account.plan].workspaces
        if maximum is None or entry.workspaces < maximum:
            return None
        reached = PlanLimitReached("workspaces", entry.workspaces, maximum)
    return reached


def _offer(ctx: Context, form: NewWorkspaceForm) -> None:
    """The accounts and regions that there are to choose from."""
    administered = accounts.list_administered(ctx, ctx.require_actor())
    form.account.choices = [choice(str(entry.account.id), entry.account.name) for entry in administered]
    form.region.choices = [choice(region, region) for region in ctx.settings.regions]
