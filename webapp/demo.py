"""The demo: one user, one workspace, the given servers and a token.

Rule: made through the services, like anybody's; made again it changes only what is missing or different; what it
made is kept in a file that only its owner reads.
"""

import json
import os
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from common import clock, ids
from common import tokens as minting
from common.errors import DomainError, SignInRefused, UpstreamRefused
from common.models import Token, User, Workspace
from upstream.client import Probe
from webapp.resources import Resources
from webapp.services import (
    accounts,
    client_configurations,
    servers,
    tokens,
    users,
    workspace_lists,
    workspaces,
)
from webapp.services.server_drafts import ServerDraft

EMAIL = "demo@stoa.example"
NAME = "Demo"
PLAN = "pro"
# A server that was started a moment before us may need a while to answer.
PATIENCE_SECONDS = 3.0
PAUSE_SECONDS = 0.25

Warn = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """A server that the demo is to have."""

    prefix: str
    url: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """`PREFIX=URL`, or a URL alone for the only server, which then has no prefix."""
        if text.startswith(("http://", "https://")):
            return cls("", text)
        prefix, _, url = text.partition("=")
        return cls(prefix, url)


@dataclass(frozen=True, slots=True)
class Demo:
    """What a newcomer needs. `workspace` has `id` and `slug`; `curl` is a line to paste that lists the tools."""

    email: str
    password: str = field(repr=False)
    workspace: dict[str, str]
    token: str = field(repr=False)
    mcp_json: dict[str, Any] = field(repr=False)
    curl: str = field(repr=False)


def make_demo(resources: Resources, state: Path, wishes: Sequence[Wish], warn: Warn) -> Demo:
    """Makes or completes the demo. A server that does not answer is left out, and `warn` is told why."""
    before = _read_state(state)
    user, password = _make_user(resources, before.get("password"))
    workspace = _make_workspace(resources, user)
    _make_servers(resources, user, workspace, wishes, warn)
    token = _make_token(resources, user, workspace, before.get("token"))
    gateway_url = resources.settings.gateway_url
    demo = Demo(
        email=user.email,
        password=password,
        workspace={"id": str(workspace.id), "slug": workspace.slug},
        token=token,
        mcp_json=client_configurations.mcp_json(gateway_url, workspace.slug, token),
        curl=client_configurations.curl(client_configurations.render_url(gateway_url, workspace.slug), token),
    )
    _write_state(state, demo)
    return demo


def _make_user(resources: Resources, known: str | None) -> tuple[User, str]:
    """The user, and a password that is really theirs."""
    password = known or secrets.token_urlsafe(12)
    with resources.transaction(write=True) as ctx:
        user = users.find_user(ctx, EMAIL)
        if user is None:
            user = users.sign_up(ctx, email=EMAIL, name=NAME, password=password)
        else:
            try:
                user = users.sign_in(ctx, email=EMAIL, password=password)
            except SignInRefused:
                user = users.set_password(ctx, email=EMAIL, password=password)
    return user, password


def _make_workspace(resources: Resources, user: User) -> Workspace:
    with resources.transaction(write=True, actor=user) as ctx:
        own = accounts.list_administered(ctx, user)
        account = own[0].account if own else accounts.create_account(ctx, name=NAME)
        if account.plan != PLAN:
            accounts.set_plan(ctx, account.id, PLAN)
        found = workspace_lists.list_workspaces(ctx, account_id=account.id, query=NAME, sort="created").items
        demos = [entry.workspace for entry in found if entry.workspace.name == NAME]
        return demos[0] if demos else workspaces.create_workspace(ctx, account.id, name=NAME)


def _make_servers(resources: Resources, user: User, workspace: Workspace, wishes: Sequence[Wish], warn: Warn) -> None:
    deadline = clock.monotonic() + PATIENCE_SECONDS
    with resources.transaction(write=True, actor=user) as ctx:
        kept = set()
        for server in servers.list_servers(ctx, workspace.id):
            if Wish(server.prefix, server.url) in wishes:
                kept.add(Wish(server.prefix, server.url))
            else:
                servers.remove_server(ctx, workspace.id, server.id)
    for wish in wishes:
        if wish in kept:
            continue
        try:
            with resources.transaction(write=False, actor=user) as ctx:
                draft = servers.plan_server(
                    ctx, workspace.id, name=wish.prefix or NAME, prefix=wish.prefix, url=wish.url
                )
            outcome = _probe_patiently(resources, draft, deadline)
            with resources.transaction(write=True, actor=user) as ctx:
                servers.add_server(ctx, workspace.id, draft, outcome)
        except DomainError as error:
            warn(f"{wish.url} is not in the demo workspace: {error.message}")


def _probe_patiently(resources: Resources, draft: ServerDraft, deadline: float) -> Probe:
    while True:
        try:
            return servers.probe_draft(resources.settings, draft)
        except UpstreamRefused as refusal:
            if refusal.details["fault"] == "address_refused" or clock.monotonic() > deadline:
                raise
        # Nothing tells us when a server that is starting begins to listen.
        threading.Event().wait(PAUSE_SECONDS)


def _make_token(resources: Resources, user: User, workspace: Workspace, known: str | None) -> str:
    """The token of the last time, where it still opens the workspace, else a new one."""
    digest = minting.digest_of(known) if known else None
    with resources.transaction(write=True, actor=user) as ctx:
        token = ctx.session.scalars(Token.owned_by(workspace.id).where(Token.digest == digest)).one_or_none()
        if known and token is not None and token.is_active(ctx.now):
            return known
        return tokens.create_token(ctx, workspace.id, name=NAME)[1]


def _read_state(path: Path) -> dict[str, Any]:
    try:
        state = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def _write_state(path: Path, demo: Demo) -> None:
    """Whole or not at all, and never readable by others."""
    draft = path.with_name(f".{path.name}.{ids.new_id().hex}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(demo), file, indent=2)
    draft.replace(path)
