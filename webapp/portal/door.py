"""The portal's door: who asks, may they, and one transaction around it.

Rule: every route stands behind it, and what the route needs is written at its line. A return commits; a raise rolls
back, and either shows the form again or becomes a page in `portal.errors`. Views never commit and never see a cookie.
"""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from flask import Response, current_app, flash, g, make_response, redirect, request, url_for
from flask_login import current_user, logout_user
from werkzeug.wrappers import Response as BaseResponse

from common import clock
from common.admission.records import Receipt
from common.errors import DomainError, Forbidden, NotFound
from common.models import User
from common.permissions import Permission
from webapp.context import Context
from webapp.extensions import database
from webapp.portal.errors import mark
from webapp.portal.forms import Form
from webapp.portal.visitors import remember_workspace
from webapp.services import access, users
from webapp.transaction import transaction

Body = str | BaseResponse
View = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class AfterCommit:
    """What a view returns when the answer speaks of what the commit did: it is made from the receipt."""

    answer: Callable[[Receipt | None], Body]


@dataclass(frozen=True, slots=True)
class Preparation:
    """Work on a network that must not hold a transaction open.

    `plan` runs in a reading transaction, `act` in none; the view gets what both returned as `draft` and `outcome`.
    """

    plan: View
    act: Callable[[Any], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Door:
    """What a route asks for. `permission` is judged on the workspace or the account that its address names."""

    view: View
    permission: Permission | None
    public: bool
    writes: bool
    again: View | None
    prepare: Preparation | None

    def enter(self, arguments: dict[str, Any]) -> Body:
        try:
            return self._pass(arguments)
        except DomainError as error:
            if self.again is None or isinstance(error, NotFound | Forbidden):
                raise
            return _show_again(self.again, error, arguments)

    def _pass(self, arguments: dict[str, Any]) -> Body:
        prepared: dict[str, Any] = {}
        if self.prepare is not None:
            with _opened(write=False) as ctx:
                if not self._admits(ctx, arguments):
                    return _to_sign_in()
                draft = self.prepare.plan(ctx, **arguments)
            prepared = {"draft": draft, "outcome": self.prepare.act(draft)}
        with _opened(write=self.writes and request.method == "POST") as ctx:
            if not self._admits(ctx, arguments):
                return _to_sign_in()
            answer = self.view(ctx, **arguments, **prepared)
        return answer.answer(ctx.receipt) if isinstance(answer, AfterCommit) else answer

    def _admits(self, ctx: Context, arguments: dict[str, Any]) -> bool:
        """False when somebody must sign in first. Raises NotFound or Forbidden."""
        ctx.actor = g.viewer = _identify(ctx)
        if ctx.actor is None:
            return self.public
        if self.permission is not None and "workspace_id" in arguments:
            g.workspace = access.require_workspace(ctx, arguments["workspace_id"], self.permission)
            g.permissions = access.workspace_permissions_of(ctx, g.workspace)
            remember_workspace(g.workspace.id)
        elif self.permission is not None:
            access.require_account(ctx, arguments["account_id"], self.permission)
        return True


def door(
    permission: Permission | None = None,
    *,
    public: bool = False,
    writes: bool = True,
    again: View | None = None,
    prepare: Preparation | None = None,
) -> Callable[[View], View]:
    """Puts a view behind the door.

    Without `public` somebody must be signed in. A POST writes, unless `writes` says otherwise. `again` is the page
    that shows the form once more when what it sent is refused.
    """

    def wrap(view: View) -> View:
        behind = Door(view=view, permission=permission, public=public, writes=writes, again=again, prepare=prepare)

        @functools.wraps(view)
        def entrance(**arguments: Any) -> Body:
            return behind.enter(arguments)

        entrance.door = behind  # type: ignore[attr-defined]  # for `again`, and for the test that every route has one
        return entrance

    return wrap


@contextmanager
def _opened(*, write: bool) -> Iterator[Context]:
    stoa = current_app.extensions["stoa"]
    ctx = Context(
        session=database.session(),
        actor=None,
        now=clock.now(),
        address=request.remote_addr or "",
        request_id=g.request_id,
        settings=stoa.settings,
        keyring=stoa.keyring,
    )
    with transaction(ctx, stoa.publisher, write=write):
        g.ctx = ctx
        yield ctx


def _identify(ctx: Context) -> User | None:
    """The user of the cookie, unless every session of theirs was ended since."""
    visitor = current_user
    if not visitor.is_authenticated:
        return None
    user = users.find_session_user(ctx.session, visitor.user_id, visitor.session_epoch)
    if user is None:
        logout_user()
    return user


def _show_again(page: View, error: DomainError, arguments: dict[str, Any]) -> Response:
    form = g.get("form")
    if not isinstance(form, Form):
        raise error
    form.refuse(error)
    behind: Door = page.door  # type: ignore[attr-defined]  # set by `door`
    database.session.expunge_all()
    return mark(make_response(behind.enter(arguments)), error)


def _to_sign_in() -> BaseResponse:
    if request.method == "GET":
        return redirect(url_for("users.sign_in", next=request.full_path.rstrip("?")), 303)
    flash("You were signed out in the meantime, so nothing was changed. Sign in and send it again.", "wait")
    form_page = urlsplit(request.referrer or "")
    return redirect(url_for("users.sign_in", next=form_page.path if form_page.netloc == request.host else None), 303)
