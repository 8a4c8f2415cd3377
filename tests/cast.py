"""The same people in every test.

Alice owns the account Acme and its workspace. Bob is a member of both, Charlie a stranger with an account of his own,
Dana a bot's token for the workspace.
"""

import base64
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from common import clock, ids
from common.models import Account, AccountMember, Token, User, Workspace, WorkspaceMember
from common.permissions import AccountRole, WorkspaceRole
from common.settings import SharedSettings
from webapp.context import Context
from webapp.resources import Resources
from webapp.services import accounts, tokens, workspaces

PASSWORD = "correct horse battery"

# The hash of PASSWORD with the least work that argon2 can do: signing in costs a test nothing.
PASSWORD_HASH = "$argon2id$v=19$m=8,t=1,p=1$cYaKAJrq5nU$isdyHHhE0JEPKvy7TpEKDA"

MASTER_KEYS = (bytes(range(32)), bytes(range(32, 64)))

Settings = TypeVar("Settings", bound=SharedSettings)


@dataclass(frozen=True)
class Cast:
    resources: Resources
    alice: User
    bob: User
    charlie: User
    acme: Account
    workspace: Workspace
    dana: Token
    dana_plaintext: str = field(repr=False)

    def acts(self, actor: User) -> AbstractContextManager[Context]:
        """A transaction that writes, on behalf of somebody."""
        return self.resources.transaction(write=True, actor=actor)

    def looks(self, actor: User) -> AbstractContextManager[Context]:
        return self.resources.transaction(write=False, actor=actor)

    @contextmanager
    def session(self) -> Iterator[Session]:
        """For a test to look into the database by itself, or to change it behind the product's back."""
        with Session(self.resources.engine, expire_on_commit=False) as session, session.begin():
            yield session


def make_settings(database_url: str, redis_url: str, kind: type[Settings] = SharedSettings, **changes: Any) -> Settings:
    """Settings under which an upstream on this machine may be called; `changes` also names what only `kind` has."""
    fields: dict[str, Any] = {
        "database_url": database_url,
        "redis_url": redis_url,
        "master_keys": MASTER_KEYS,
        "portal_url": "http://portal.test",
        "gateway_url": "http://gateway.test",
        "rate_window_us": 60_000_000,
        "trusted_proxies": 0,
        "allowed_origins": (),
        "allow_private_upstreams": (ip_network("127.0.0.0/8"),),
        "allow_http_upstreams": False,
        "default_plan": "free",
        "regions": ("local", "remote"),
    }
    return kind(**{**fields, **changes})


def variables_of(settings: SharedSettings) -> dict[str, str]:
    """What a process of its own has to be told to work on the same database and Redis with the same keys."""
    keys = ",".join(base64.b64encode(key).decode() for key in settings.master_keys)
    return {"DATABASE_URL": settings.database_url, "REDIS_URL": settings.redis_url, "STOA_MASTER_KEYS": keys}


def make_user(session: Session, name: str) -> User:
    """A user who signs in with their first name at example.test and PASSWORD."""
    user = User(
        id=ids.new_id(),
        email=f"{name.lower()}@example.test",
        name=name,
        password_hash=PASSWORD_HASH,
        session_epoch=1,
        created_at=clock.now(),
    )
    session.add(user)
    session.flush()
    return user


def assemble(resources: Resources) -> Cast:
    with resources.transaction(write=True) as ctx:
        alice, bob, charlie = (make_user(ctx.session, name) for name in ("Alice", "Bob", "Charlie"))
        ctx.actor = charlie
        accounts.create_account(ctx, name="Charlie")
        ctx.actor = alice
        acme = accounts.create_account(ctx, name="Acme")
        workspace = workspaces.create_workspace(ctx, acme.id, name="Dev Tools")
        join(ctx.session, bob, acme, AccountRole.MEMBER)
        join(ctx.session, bob, workspace, WorkspaceRole.MEMBER)
        dana, plaintext = tokens.create_token(ctx, workspace.id, name="Dana", for_bot=True)
    return Cast(resources, alice, bob, charlie, acme, workspace, dana, plaintext)


def join(session: Session, user: User, place: Account | Workspace, role: AccountRole | WorkspaceRole) -> None:
    """Gives somebody a role, replacing the one that they had."""
    if isinstance(place, Account):
        member: AccountMember | WorkspaceMember = AccountMember(account_id=place.id, user_id=user.id, role=role)
    else:
        member = WorkspaceMember(workspace_id=place.id, user_id=user.id, role=role)
    member.created_at = clock.now()
    session.merge(member)
    session.flush()
