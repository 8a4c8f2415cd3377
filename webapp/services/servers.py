"""Servers: try one, add it, switch it off and on, remove it.

Rule: the network is asked between two transactions, never within one; what was checked before is checked again, with
the workspace locked, when the server is added. Credentials are sealed with the workspace's key and never shown again.
"""

import json
import uuid
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from sqlalchemy import select

from common import ids, product
from common.errors import Conflict, NotFound, PlanLimitReached, UpstreamRefused
from common.models import Account, Server, Workspace
from common.permissions import Permission
from common.plans import PLANS
from common.sealing.seal import seal
from common.sealing.unseal import unseal
from common.settings import SharedSettings
from upstream.address import Addresses
from upstream.client import Probe, probe
from upstream.faults import UpstreamFault
from webapp.context import Context
from webapp.services import access, activity, texts
from webapp.services.server_drafts import Headers, ServerDraft, read_draft
from webapp.services.workspaces import publish_change

DESCRIPTION_LENGTH = 300
# Of a server's tools so many are kept to be shown: a list without end must not become a row or a page without end.
TOOLS_KEPT = 1000


def list_servers(ctx: Context, workspace_id: uuid.UUID) -> Sequence[Server]:
    """In the order in which the gateway lists their tools."""
    access.require_workspace(ctx, workspace_id, Permission.READ)
    return ctx.session.scalars(Server.owned_by(workspace_id).order_by(Server.prefix, Server.id)).all()


def get_server(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> Server:
    access.require_workspace(ctx, workspace_id, Permission.READ)
    return _get_server(ctx, workspace_id, server_id)


def plan_server(
    ctx: Context,
    workspace_id: uuid.UUID,
    *,
    name: str,
    prefix: str,
    url: str,
    auth: str = "none",
    credentials: Sequence[tuple[str, str]] = (),
    sessions: str = "shared",
) -> ServerDraft:
    """What was typed, found fit to be tried. Writes nothing.

    `credentials` are (header name, value) pairs for `headers`; for `bearer` one pair, whose value is the bare token.
    """
    workspace = access.require_workspace(ctx, workspace_id, Permission.WRITE)
    access.require_open(workspace)
    draft = read_draft(name=name, prefix=prefix, url=url, auth=auth, credentials=credentials, sessions=sessions)
    _require_place(ctx, workspace, draft)
    return draft


def probe_draft(settings: SharedSettings, draft: ServerDraft) -> Probe:
    """Asks the server who it is: up to ten seconds, outside any transaction. Raises UpstreamRefused."""
    try:
        return probe(
            draft.target(allow_http=settings.allow_http_upstreams),
            Addresses(private=settings.allow_private_upstreams),
            client_name=product.NAME,
            client_version=product.VERSION,
        )
    except UpstreamFault as fault:
        raise UpstreamRefused(fault.sentence, field="url", fault=fault.code) from None


def add_server(ctx: Context, workspace_id: uuid.UUID, draft: ServerDraft, outcome: Probe) -> Server:
    workspace = access.require_writable(ctx, workspace_id, Permission.WRITE)
    _require_place(ctx, workspace, draft)
    server = Server(
        id=ids.new_id(),
        workspace_id=workspace.id,
        name=draft.name,
        prefix=draft.prefix,
        url=draft.url,
        auth=draft.auth,
        credentials=None,
        enabled=True,
        connect_timeout=draft.connect_timeout,
        timeout=draft.timeout,
        sessions=draft.sessions,
        probe_error=None,
        created_at=ctx.now,
    )
    _note_probe(ctx, server, outcome)
    server.credentials = _seal_headers(ctx, workspace, server, draft.headers)
    ctx.session.add(server)
    ctx.session.flush()
    publish_change(ctx, workspace)
    _record(ctx, workspace, server, "server.add", auth=server.auth, sessions=server.sessions, tools=len(outcome.tools))
    return server


def set_enabled(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID, enabled: bool) -> Server:
    """Switching off is a closing change, and allowed in a frozen workspace."""
    if enabled:
        workspace = access.require_writable(ctx, workspace_id, Permission.WRITE)
    else:
        workspace = access.require_workspace(ctx, workspace_id, Permission.WRITE, lock=True)
    server = _get_server(ctx, workspace_id, server_id)
    if server.enabled == enabled:
        return server
    server.enabled = enabled
    publish_change(ctx, workspace, closes=None if enabled else "server disabled")
    _record(ctx, workspace, server, "server.enable" if enabled else "server.disable")
    return server


def remove_server(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> None:
    """Its row and its credentials are gone with the commit; the calls that it answered stay in the log."""
    workspace = access.require_writable(ctx, workspace_id, Permission.WRITE)
    server = _get_server(ctx, workspace_id, server_id)
    ctx.session.delete(server)
    publish_change(ctx, workspace, closes="server removed")
    _record(ctx, workspace, server, "server.remove")


def plan_refresh(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> ServerDraft:
    """A server as it is, for `probe_draft` to ask it again."""
    workspace = access.require_workspace(ctx, workspace_id, Permission.WRITE)
    server = _get_server(ctx, workspace_id, server_id)
    return ServerDraft(
        name=server.name,
        prefix=server.prefix,
        url=server.url,
        auth=server.auth,
        headers=_unseal_headers(ctx, workspace, server),
        connect_timeout=server.connect_timeout,
        timeout=server.timeout,
        sessions=server.sessions,
    )


def record_probe(
    ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID, outcome: Probe | UpstreamRefused
) -> Server:
    """Keeps the last good list where the server could not be asked, and says why."""
    workspace = access.require_writable(ctx, workspace_id, Permission.WRITE)
    server = _get_server(ctx, workspace_id, server_id)
    if isinstance(outcome, UpstreamRefused):
        server.probe_error = outcome.message
    else:
        _note_probe(ctx, server, outcome)
    _record(ctx, workspace, server, "server.probe", error=server.probe_error)
    return server


def _get_server(ctx: Context, workspace_id: uuid.UUID, server_id: uuid.UUID) -> Server:
    server = ctx.session.scalars(Server.owned_by(workspace_id).where(Server.id == server_id)).one_or_none()
    if server is None:
        raise NotFound
    return server


def _require_place(ctx: Context, workspace: Workspace, draft: ServerDraft) -> None:
    """Whether the plan, the prefixes and the addresses of the others leave room for this one."""
    others = ctx.session.execute(
        select(Server.name, Server.prefix, Server.url).where(Server.workspace_id == workspace.id)
    ).all()
    plan = ctx.session.scalars(select(Account.plan).where(Account.id == workspace.account_id)).one()
    maximum = PLANS[plan].servers
    if maximum is not None and len(others) >= maximum:
        raise PlanLimitReached("servers", len(others), maximum)
    for other in others:
        if other.url == draft.url:
            raise Conflict(f"This address is in the workspace already, as {other.name}.", "url")
        if other.prefix == draft.prefix and draft.prefix:
            raise Conflict(f"The prefix {draft.prefix} belongs to {other.name}. Choose another one.", "prefix")
        if not draft.prefix:
            raise Conflict("There are other servers here, so this one needs a prefix, such as github.", "prefix")
        if not other.prefix:
            raise Conflict(
                f"{other.name} has no prefix to tell its tools by. Remove it and add it again with one first.",
                "prefix",
            )


def _note_probe(ctx: Context, server: Server, outcome: Probe) -> None:
    server.era = outcome.era.value
    server.server_name = _shown(outcome.name, 200)
    server.server_version = _shown(outcome.version, 100)
    server.tools = [_summary(tool) for tool in outcome.tools[:TOOLS_KEPT]]
    server.probed_at = ctx.now
    server.probe_error = None


def _summary(tool: bytes) -> dict[str, str]:
    """What people are shown of a tool; of the rest, however deep or large, no value is read."""
    try:
        members = msgspec.json.decode(tool, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, RecursionError):
        members = {}
    return {
        "name": _shown(members.get("name"), 128),
        "title": _shown(members.get("title"), 128),
        "description": _shown(members.get("description"), DESCRIPTION_LENGTH),
    }


def _shown(said: str | msgspec.Raw | None, length: int) -> str:
    """What a server says of itself, fit to be stored: it may say anything, or nothing that is a text."""
    try:
        words = texts.storable(msgspec.json.decode(said, type=str) if isinstance(said, msgspec.Raw) else said or "")
    except (msgspec.DecodeError, RecursionError):
        words = ""
    return words if len(words) <= length else words[: length - 1] + "…"


def _seal_headers(ctx: Context, workspace: Workspace, server: Server, headers: Headers) -> bytes | None:
    if not headers:
        return None
    return seal(
        ctx.keyring.unwrap(workspace.data_key),
        json.dumps(headers).encode(),
        workspace_id=workspace.id,
        environment="",
        name=server.seal_name,
    )


def _unseal_headers(ctx: Context, workspace: Workspace, server: Server) -> Headers:
    if server.credentials is None:
        return ()
    opened = unseal(
        ctx.keyring.unwrap(workspace.data_key),
        server.credentials,
        workspace_id=workspace.id,
        environment="",
        name=server.seal_name,
    )
    return tuple((name, value) for name, value in json.loads(opened))


def _record(ctx: Context, workspace: Workspace, server: Server, action: str, **details: object) -> None:
    # Of the address only scheme and host: a path or a query may well hold a credential.
    parts = urlsplit(server.url)
    activity.record(
        ctx,
        workspace.account_id,
        action,
        target=server.name,
        target_id=server.id,
        workspace=workspace,
        prefix=server.prefix,
        address=f"{parts.scheme}://{parts.netloc}",
        **details,
    )
