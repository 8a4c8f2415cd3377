"""Accounts: the user's organizations, their plan and how full it is."""

import uuid

from flask import Blueprint, flash, redirect, render_template, url_for
from wtforms import StringField

from common.permissions import Permission
from common.plans import PLANS
from webapp.context import Context
from webapp.portal.door import Body, door
from webapp.portal.forms import Form, needed, read, shown
from webapp.services import accounts

blueprint = Blueprint("accounts", __name__)


class AccountForm(Form):
    name = StringField("Name", needed("Give the account a name."))


@blueprint.get("/accounts")
@door()
def index(ctx: Context) -> Body:
    return render_template("accounts/list.html", entries=accounts.list_accounts(ctx), plans=PLANS)


@blueprint.get("/accounts/new")
@door()
def new(ctx: Context) -> Body:
    return render_template("accounts/new.html", form=shown(AccountForm), plan=PLANS[ctx.settings.default_plan])


@blueprint.post("/accounts/new")
@door(again=new)
def create(ctx: Context) -> Body:
    form = read(AccountForm)
    account = accounts.create_account(ctx, name=form.name.data or "")
    flash(f"{account.name} is ready.", "good")
    return redirect(url_for("accounts.show", account_id=account.id), 303)


@blueprint.get("/accounts/<uuid:account_id>")
@door(Permission.READ)
def show(ctx: Context, account_id: uuid.UUID) -> Body:
    entry = next(entry for entry in accounts.list_accounts(ctx) if entry.account.id == account_id)
    return render_template(
        "accounts/show.html",
        account=entry.account,
        usage=accounts.usage(ctx, account_id),
        may_rename=Permission.ADMINISTER in entry.permissions,
        form=shown(AccountForm, data={"name": entry.account.name}),
    )


@blueprint.post("/accounts/<uuid:account_id>")
@door(Permission.ADMINISTER, again=show)
def rename(ctx: Context, account_id: uuid.UUID) -> Body:
    form = read(AccountForm)
    accounts.rename_account(ctx, account_id, name=form.name.data or "")
    flash("The name is saved.", "good")
    return redirect(url_for("accounts.show", account_id=account_id), 303)
