"""The start page: to the workspaces, or a welcome."""

from flask import Blueprint, redirect, render_template, url_for

from webapp.context import Context
from webapp.portal.door import Body, door

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@door(public=True)
def index(ctx: Context) -> Body:
    if ctx.actor is None:
        return render_template("home/welcome.html")
    return redirect(url_for("workspaces.index"), 303)
