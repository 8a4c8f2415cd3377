"""Users: sign up, sign in and out, their name and their password.

Rule: signing in is throttled before a password is looked at; a session begins only after the commit.
"""

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask_login import logout_user
from wtforms import HiddenField, PasswordField, StringField

from common.models import User
from webapp.context import Context
from webapp.portal.door import AfterCommit, Body, door
from webapp.portal.forms import Form, needed, read, shown
from webapp.portal.visitors import begin_session
from webapp.services import users

blueprint = Blueprint("users", __name__)


class SignUpForm(Form):
    name = StringField("Your name", needed("Type your name, as others shall see it."))
    email = StringField("E-mail", needed("Type your e-mail address."))
    password = PasswordField("Password", needed("Choose a password."))


class SignInForm(Form):
    email = StringField("E-mail", needed("Type your e-mail address."))
    password = PasswordField("Password", needed("Type your password."))
    next = HiddenField()


class NameForm(Form):
    name = StringField("Your name", needed("Type your name, as others shall see it."))


class PasswordForm(Form):
    current = PasswordField("Current password", needed("Type the password that you have now."))
    new = PasswordField("New password", needed("Choose a new password."))


@blueprint.get("/sign-up")
@door(public=True)
def sign_up(ctx: Context) -> Body:
    if ctx.actor is not None:
        return redirect(url_for("home.index"), 303)
    return render_template("users/sign_up.html", form=shown(SignUpForm))


@blueprint.post("/sign-up")
@door(public=True, again=sign_up)
def register(ctx: Context) -> AfterCommit:
    form = read(SignUpForm)
    _throttle().count(address=ctx.address, email=form.email.data or "")
    user = users.sign_up(ctx, email=form.email.data or "", name=form.name.data or "", password=form.password.data or "")
    return AfterCommit(lambda _: _enter(user, url_for("home.index")))


@blueprint.get("/sign-in")
@door(public=True)
def sign_in(ctx: Context) -> Body:
    if ctx.actor is not None:
        return redirect(url_for("home.index"), 303)
    return render_template("users/sign_in.html", form=shown(SignInForm, data={"next": request.args.get("next", "")}))


@blueprint.post("/sign-in")
@door(public=True, writes=False, again=sign_in)
def enter(ctx: Context) -> AfterCommit:
    form = read(SignInForm)
    email = form.email.data or ""
    _throttle().count(address=ctx.address, email=email)
    user = users.sign_in(ctx, email=email, password=form.password.data or "")
    _throttle().clear(email)
    return AfterCommit(lambda _: _enter(user, _inside(form.next.data or "")))


@blueprint.post("/sign-out")
@door(public=True, writes=False)
def sign_out(ctx: Context) -> Body:
    logout_user()
    session.clear()
    flash("You are signed out.", "good")
    return redirect(url_for("users.sign_in"), 303)


@blueprint.get("/settings")
@door()
def settings(ctx: Context) -> Body:
    return render_template(
        "users/settings.html",
        name_form=shown(NameForm, data={"name": ctx.require_actor().name}),
        password_form=shown(PasswordForm),
    )


@blueprint.post("/settings")
@door(again=settings)
def rename(ctx: Context) -> Body:
    form = read(NameForm)
    users.rename_user(ctx, name=form.name.data or "")
    flash("Your name is saved.", "good")
    return redirect(url_for("users.settings"), 303)


@blueprint.post("/settings/password")
@door(again=settings)
def change_password(ctx: Context) -> AfterCommit:
    form = read(PasswordForm)
    # A session left open on a shared machine must not become a place to guess the password at leisure.
    _throttle().count(address=ctx.address, email=ctx.require_actor().email)
    user = users.change_password(ctx, current=form.current.data or "", new=form.new.data or "")
    _throttle().clear(user.email)
    return AfterCommit(lambda _: _renew(user))


def _throttle():
    return current_app.extensions["throttle"]


def _enter(user: User, target: str) -> Body:
    begin_session(user)
    return redirect(target, 303)


def _renew(user: User) -> Body:
    begin_session(user)
    flash("Your password is changed. Every other browser has been signed out.", "good")
    return redirect(url_for("users.settings"), 303)


def _inside(target: str) -> str:
    """A path of ours to go on to; the start page for anything that leads elsewhere."""
    is_ours = target.startswith("/") and not target.startswith(("//", "/\\")) and target.isprintable()
    return target if is_ours else url_for("home.index")
