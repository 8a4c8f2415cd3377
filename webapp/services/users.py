"""Users: sign up, sign in, change the password.

Rule: an address belongs to one user; a refused sign-in does not say what was wrong, and takes as long either way.
Does not throttle (the door does) and keeps no sessions: it raises the epoch that ends them.
"""

import re
import uuid

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from common import ids
from common.errors import Conflict, Invalid, NotFound, SignInRefused
from common.models import User
from common.models.user import EMAIL_LENGTH, NAME_LENGTH
from webapp.context import Context
from webapp.services import accounts, passwords, texts

# What browsers take for one (HTML Standard, input type=email). An address that means something only inside a
# company is as good as any, which is why no list of domains is asked.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_EMAIL = re.compile(rf"[A-Za-z0-9.!#$%&'*+/=?^_`{{|}}~-]{{1,64}}@{_LABEL}(?:\.{_LABEL})*")


def sign_up(ctx: Context, *, email: str, name: str, password: str) -> User:
    """A new user, and the account that is theirs alone."""
    address = _read_email(email)
    name = texts.read_name(name, maximum=NAME_LENGTH)
    password_hash = passwords.hash_password(password)
    user = User(
        id=ids.new_id(),
        email=address,
        name=name,
        password_hash=password_hash,
        session_epoch=1,
        created_at=ctx.now,
    )
    try:
        with ctx.session.begin_nested():
            ctx.session.add(user)
    except IntegrityError:
        raise Conflict("Somebody has signed up with this address. If it was you, sign in.", "email") from None
    ctx.actor = user
    accounts.create_account(ctx, name=name)
    return user


def sign_in(ctx: Context, *, email: str, password: str) -> User:
    """The user with this address and password; SignInRefused for any other pair. Writes nothing."""
    try:
        address = _read_email(email)
    except Invalid:
        address = ""
    user = ctx.session.scalars(select(User).where(User.email == address)).one_or_none()
    if not passwords.is_password(user and user.password_hash, password) or user is None:
        raise SignInRefused("This address and password do not belong together.")
    return user


def change_password(ctx: Context, *, current: str, new: str) -> User:
    """Every session of an earlier epoch ends; the caller's goes on when it takes the new `session_epoch`."""
    actor = ctx.require_actor()
    if not passwords.is_password(actor.password_hash, current):
        raise Invalid("This is not your current password.", "current")
    password_hash = passwords.hash_password(new, "new")
    user = _lock_user(ctx, actor.id)
    if user.password_hash != actor.password_hash:
        raise Conflict("Your password has just been changed elsewhere. Sign in again.")
    user.password_hash = password_hash
    user.session_epoch += 1
    return user


def set_password(ctx: Context, *, email: str, password: str) -> User:
    """For the operator: asks for no permission and no old password. Ends every session of the user."""
    password_hash = passwords.hash_password(password)
    user = find_user(ctx, email)
    if user is None:
        raise NotFound
    user = _lock_user(ctx, user.id)
    user.password_hash = password_hash
    user.session_epoch += 1
    return user


def find_user(ctx: Context, email: str) -> User | None:
    """For the operator: the user with this address."""
    return ctx.session.scalars(select(User).where(User.email == _read_email(email))).one_or_none()


def rename_user(ctx: Context, *, name: str) -> User:
    user = _lock_user(ctx, ctx.require_actor().id)
    user.name = texts.read_name(name, maximum=NAME_LENGTH)
    return user


def find_session_user(session: Session, user_id: uuid.UUID, epoch: int) -> User | None:
    """The user of a session signed in under this epoch; None once it has been ended."""
    return session.scalars(select(User).where(User.id == user_id, User.session_epoch == epoch)).one_or_none()


def _lock_user(ctx: Context, user_id: uuid.UUID) -> User:
    query = select(User).where(User.id == user_id).with_for_update().execution_options(populate_existing=True)
    return ctx.session.scalars(query).one()


def _read_email(text: str) -> str:
    """The address in lower case; whether mail arrives there is not asked here."""
    address = text.strip()
    if len(address) > EMAIL_LENGTH or _EMAIL.fullmatch(address) is None:
        raise Invalid("This is not an e-mail address.", "email")
    return address.lower()
