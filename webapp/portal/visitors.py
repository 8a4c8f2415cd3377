"""Visitors: what the session cookie says about who is there.

Rule: the cookie names a user, the epoch it was made in and the workspace looked at last, nothing else; whether that
still holds is read from the database by the door, in the request's own transaction. A new session starts empty, so that
none can be planted.
"""

import uuid
from dataclasses import dataclass

from flask import session
from flask_login import UserMixin, login_user

from common.ids import find_id
from common.models import User
from webapp.extensions import login_manager

_WORKSPACE = "workspace"


@dataclass(frozen=True, slots=True)
class Visitor(UserMixin):
    user_id: uuid.UUID
    session_epoch: int

    def get_id(self) -> str:
        return f"{self.user_id.hex}.{self.session_epoch}"


def begin_session(user: User) -> None:
    session.clear()
    session.permanent = True
    login_user(Visitor(user.id, user.session_epoch))


def parse_visitor(text: str) -> Visitor | None:
    user_id, _, epoch = text.partition(".")
    try:
        return Visitor(uuid.UUID(hex=user_id), int(epoch))
    except ValueError:
        return None


def remember_workspace(workspace_id: uuid.UUID) -> None:
    session[_WORKSPACE] = workspace_id.hex


def remembered_workspace() -> uuid.UUID | None:
    """The one looked at last in this session; it may be gone since, or closed to this user."""
    return find_id(session.get(_WORKSPACE, ""))


def install() -> None:
    # Binding a session to a browser's address and name would sign people out on every train.
    login_manager.session_protection = ""
    login_manager.user_loader(parse_visitor)
