"""Tokens: create one and show it once, list, revoke with a receipt."""

import uuid

from flask import Blueprint, render_template, url_for
from wtforms import BooleanField, RadioField, SelectField, StringField

from common.models import EnvironmentName
from common.permissions import Permission
from webapp.context import Context
from webapp.portal.door import AfterCommit, Body, door
from webapp.portal.forms import Confirmation, Form, choice, needed, read, shown
from webapp.portal.receipts import render_receipt
from webapp.services import client_configurations, tokens, workspaces

blueprint = Blueprint("tokens", __name__)

ENVIRONMENTS = [choice(name.value, name.value) for name in EnvironmentName]
DAY = 24 * 3600
LIVES = [
    choice("", "Never"),
    choice(str(DAY), "In a day"),
    choice(str(7 * DAY), "In 7 days"),
    choice(str(30 * DAY), "In 30 days"),
    choice(str(365 * DAY), "In a year"),
]


class TokenForm(Form):
    """What the expiry may be is the service's to say."""

    name = StringField("Name", needed("Give the token a name, so that you know it again in the list."))
    environment = RadioField(
        "Environment",
        choices=ENVIRONMENTS,
        default=EnvironmentName.PROD,
    )
    expires_in = SelectField("Expires", choices=LIVES, validate_choice=False)
    for_bot = BooleanField("For a bot")


@blueprint.get("/workspaces/<uuid:workspace_id>/tokens")
@door(Permission.READ)
def index(ctx: Context, workspace_id: uuid.UUID) -> Body:
    # What still opens something comes first; what is only history keeps its order below.
    entries = sorted(tokens.list_tokens(ctx, workspace_id), key=lambda entry: entry.status != "active")
    return render_template("tokens/list.html", entries=entries, form=shown(TokenForm))


@blueprint.post("/workspaces/<uuid:workspace_id>/tokens")
@door(Permission.READ, again=index)
def create(ctx: Context, workspace_id: uuid.UUID) -> Body:
    form = read(TokenForm)
    workspace = workspaces.get_workspace(ctx, workspace_id)
    token, plaintext = tokens.create_token(
        ctx,
        workspace_id,
        name=form.name.data or "",
        environment=form.environment.data,
        expires_in=form.expires_in.data or None,
        for_bot=form.for_bot.data,
    )
    # Shown in this answer and never again: a redirect would have to keep it somewhere.
    return render_template(
        "tokens/created.html",
        token=token,
        plaintext=plaintext,
        configurations=client_configurations.render_configurations(ctx.settings.gateway_url, workspace.slug, plaintext),
        is_shortened=client_configurations.is_shortened(workspace.slug),
    )


@blueprint.get("/workspaces/<uuid:workspace_id>/tokens/<uuid:token_id>/revoke")
@door(Permission.READ)
def revoke(ctx: Context, workspace_id: uuid.UUID, token_id: uuid.UUID) -> Body:
    token = tokens.get_token(ctx, workspace_id, token_id)
    return render_template("tokens/revoke.html", token=token, form=shown(Confirmation))


@blueprint.post("/workspaces/<uuid:workspace_id>/tokens/<uuid:token_id>/revoke")
@door(Permission.READ, again=revoke)
def close(ctx: Context, workspace_id: uuid.UUID, token_id: uuid.UUID) -> AfterCommit:
    read(Confirmation)
    token = tokens.revoke_token(ctx, workspace_id, token_id)
    target = url_for("tokens.index", workspace_id=workspace_id)
    return AfterCommit(lambda receipt: render_receipt(f"{token.name} is revoked.", receipt, target))
