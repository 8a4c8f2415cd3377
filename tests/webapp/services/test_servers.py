"""Servers are tried before they are added, their credentials sealed, and every change reaches the gateway."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select

from common import product
from common.errors import Conflict, Forbidden, NotFound, PlanLimitReached, UpstreamRefused, WorkspaceFrozen
from common.models import Activity, Server, ServerSessions, User, Workspace, WorkspaceStatus
from common.permissions import WorkspaceRole
from tests.cast import Cast, join
from upstream.fake import FakeUpstream
from webapp.services import accounts, servers

SECRET = "ghp_very_secret"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as fake:
        yield fake


def add(
    cast: Cast,
    upstream: FakeUpstream,
    *,
    actor: User | None = None,
    path: str = "",
    tools: list[bytes] | None = None,
    **fields: Any,
) -> Server:
    """`tools`: what the server is to have listed, in place of what it does list."""
    fields = {"name": "Echo", "prefix": "echo", "url": upstream.url + path, **fields}
    with cast.looks(actor or cast.alice) as ctx:
        draft = servers.plan_server(ctx, cast.workspace.id, **fields)
    outcome = servers.probe_draft(cast.resources.settings, draft)
    if tools is not None:
        outcome = replace(outcome, tools=tools)
    with cast.acts(actor or cast.alice) as ctx:
        return servers.add_server(ctx, cast.workspace.id, draft, outcome)


def version(cast: Cast) -> int:
    with cast.session() as session:
        return session.get_one(Workspace, cast.workspace.id).version


def test_a_server_is_added_with_what_it_said_of_itself(cast: Cast, upstream: FakeUpstream):
    before = version(cast)
    server = add(cast, upstream)
    assert (server.era, server.enabled, server.probe_error) == ("modern", True, None)
    assert [tool["name"] for tool in server.tools] == ["echo"]
    assert server.server_name
    assert version(cast) == before + 1
    with cast.looks(cast.bob) as ctx:
        assert [one.id for one in servers.list_servers(ctx, cast.workspace.id)] == [server.id]


def test_a_probe_says_who_asks(cast: Cast, upstream: FakeUpstream):
    add(cast, upstream)
    headers = {name.lower(): value for name, value in upstream.last("tools/list").headers.items()}
    assert headers["user-agent"] == f"{product.NAME}/{product.VERSION}"


def test_credentials_reach_the_server_and_stay_sealed_in_the_database(cast: Cast, upstream: FakeUpstream):
    server = add(cast, upstream, auth="bearer", credentials=[("", SECRET)])
    assert ("authorization", f"Bearer {SECRET}") in {
        (name.lower(), value) for name, value in upstream.last("tools/list").headers.items()
    }
    with cast.session() as session:
        stored = session.get_one(Server, server.id)
        assert stored.credentials is not None
        assert SECRET.encode() not in stored.credentials
        told = session.scalars(select(Activity).where(Activity.action == "server.add")).one()
        assert SECRET not in str(told.details)
    with cast.looks(cast.alice) as ctx:
        assert servers.plan_refresh(ctx, cast.workspace.id, server.id).headers == (
            ("Authorization", f"Bearer {SECRET}"),
        )


def test_a_path_that_may_hold_a_key_is_not_told(cast: Cast, upstream: FakeUpstream):
    add(cast, upstream, path="?key=hidden")
    with cast.session() as session:
        told = session.scalars(select(Activity).where(Activity.action == "server.add")).one()
        assert told.details["address"] == upstream.url.removesuffix("/mcp")


def test_who_shares_a_session_is_kept_told_and_the_same_after_a_refresh(cast: Cast, upstream: FakeUpstream):
    before = version(cast)
    server = add(cast, upstream, sessions="token")
    assert version(cast) == before + 1
    with cast.session() as session:
        assert session.get_one(Server, server.id).sessions is ServerSessions.TOKEN
        told = session.scalars(select(Activity).where(Activity.action == "server.add")).one()
        assert told.details["sessions"] == "token"
    with cast.looks(cast.alice) as ctx:
        draft = servers.plan_refresh(ctx, cast.workspace.id, server.id)
    assert draft.sessions is ServerSessions.TOKEN
    outcome = servers.probe_draft(cast.resources.settings, draft)
    with cast.acts(cast.alice) as ctx:
        assert servers.record_probe(ctx, cast.workspace.id, server.id, outcome).sessions is ServerSessions.TOKEN
    assert add(cast, upstream, prefix="other", path="?other").sessions is ServerSessions.SHARED


def test_a_server_that_refuses_is_not_added(cast: Cast, upstream: FakeUpstream):
    with FakeUpstream() as gone:
        pass
    with pytest.raises(UpstreamRefused) as refusal:
        add(cast, gone)
    assert (refusal.value.details["field"], refusal.value.details["fault"]) == ("url", "refused")
    with pytest.raises(UpstreamRefused) as refusal:
        add(cast, upstream, url="http://10.0.0.1/mcp")
    assert refusal.value.details["fault"] == "address_refused"
    with cast.session() as session:
        assert session.scalars(select(Server)).all() == []


def test_a_prefix_and_an_address_are_in_a_workspace_once(cast: Cast, upstream: FakeUpstream):
    add(cast, upstream)
    refused: list[tuple[dict[str, Any], str]] = [
        ({"path": "?another"}, "prefix"),
        ({"prefix": "again"}, "url"),
        ({"path": "?another", "prefix": ""}, "prefix"),
    ]
    for fields, field in refused:
        with pytest.raises(Conflict) as refusal:
            add(cast, upstream, **fields)
        assert refusal.value.field == field


def test_only_the_only_server_goes_without_a_prefix(cast: Cast, upstream: FakeUpstream):
    only = add(cast, upstream, prefix="")
    with pytest.raises(Conflict, match="no prefix"):
        add(cast, upstream, path="?another")
    with cast.acts(cast.alice) as ctx:
        servers.remove_server(ctx, cast.workspace.id, only.id)
    assert add(cast, upstream, prefix="").prefix == ""


def test_what_changed_between_the_probe_and_the_adding_is_seen(cast: Cast, upstream: FakeUpstream):
    with cast.looks(cast.alice) as ctx:
        draft = servers.plan_server(ctx, cast.workspace.id, name="Echo", prefix="echo", url=upstream.url)
    outcome = servers.probe_draft(cast.resources.settings, draft)
    with cast.acts(cast.alice) as ctx:
        servers.add_server(ctx, cast.workspace.id, draft, outcome)
    with cast.acts(cast.alice) as ctx, pytest.raises(Conflict):
        servers.add_server(ctx, cast.workspace.id, draft, outcome)


def test_at_the_plans_limit_no_server_is_added_and_a_higher_plan_takes_it(cast: Cast, upstream: FakeUpstream):
    for number in range(5):
        add(cast, upstream, prefix=f"s{number}", path=f"?{number}")
    with pytest.raises(PlanLimitReached) as refusal:
        add(cast, upstream, prefix="s5", path="?5")
    assert refusal.value.details == {"limit": "servers", "current": 5, "maximum": 5}
    with cast.resources.transaction(write=True) as ctx:
        accounts.set_plan(ctx, cast.acme.id, "starter")
    assert add(cast, upstream, prefix="s5", path="?5").prefix == "s5"


def test_disabling_closes_and_enabling_opens(cast: Cast, upstream: FakeUpstream):
    server = add(cast, upstream)
    with cast.acts(cast.alice) as ctx:
        assert not servers.set_enabled(ctx, cast.workspace.id, server.id, False).enabled
        assert (len(ctx.closings), len(ctx.openings)) == (1, 0)
    assert ctx.receipt is not None
    with cast.acts(cast.alice) as ctx:
        assert servers.set_enabled(ctx, cast.workspace.id, server.id, True).enabled
        assert (len(ctx.closings), len(ctx.openings)) == (0, 1)
    before = version(cast)
    with cast.acts(cast.alice) as ctx:
        servers.set_enabled(ctx, cast.workspace.id, server.id, True)
        assert (ctx.closings, ctx.openings) == ([], [])
    assert version(cast) == before


def test_in_a_frozen_workspace_a_server_can_be_disabled_and_nothing_else(cast: Cast, upstream: FakeUpstream):
    server = add(cast, upstream)
    with cast.session() as session:
        session.get_one(Workspace, cast.workspace.id).status = WorkspaceStatus.FROZEN
    with cast.acts(cast.alice) as ctx:
        servers.set_enabled(ctx, cast.workspace.id, server.id, False)
    with cast.acts(cast.alice) as ctx:
        with pytest.raises(WorkspaceFrozen):
            servers.set_enabled(ctx, cast.workspace.id, server.id, True)
        with pytest.raises(WorkspaceFrozen):
            servers.remove_server(ctx, cast.workspace.id, server.id)
        with pytest.raises(WorkspaceFrozen):
            servers.plan_server(ctx, cast.workspace.id, name="Echo", prefix="again", url=upstream.url)


def test_a_refresh_keeps_the_last_good_list_when_the_server_is_gone(cast: Cast, upstream: FakeUpstream):
    server = add(cast, upstream)
    shout = {"name": "shout", "title": "Sh\0out", "description": "x" * 500, "inputSchema": {"type": "object"}}
    upstream.tools = [shout]
    with cast.looks(cast.alice) as ctx:
        draft = servers.plan_refresh(ctx, cast.workspace.id, server.id)
    outcome = servers.probe_draft(cast.resources.settings, draft)
    with cast.acts(cast.alice) as ctx:
        (tool,) = servers.record_probe(ctx, cast.workspace.id, server.id, outcome).tools
        assert (tool["name"], tool["title"], len(tool["description"])) == ("shout", "Shout", 300)
    with cast.acts(cast.alice) as ctx:
        kept = servers.record_probe(ctx, cast.workspace.id, server.id, UpstreamRefused("It does not answer."))
        assert (kept.probe_error, [tool["name"] for tool in kept.tools]) == ("It does not answer.", ["shout"])


def test_a_member_looks_a_writer_writes_and_a_stranger_finds_nothing(cast: Cast, upstream: FakeUpstream):
    with pytest.raises(Forbidden):
        add(cast, upstream, actor=cast.bob)
    with cast.session() as session:
        join(session, cast.bob, cast.workspace, WorkspaceRole.WRITER)
    server = add(cast, upstream, actor=cast.bob)
    with cast.acts(cast.charlie) as ctx:
        for refused in (
            lambda: servers.list_servers(ctx, cast.workspace.id),
            lambda: servers.get_server(ctx, cast.workspace.id, server.id),
            lambda: servers.plan_server(ctx, cast.workspace.id, name="E", prefix="e", url=upstream.url),
            lambda: servers.set_enabled(ctx, cast.workspace.id, server.id, False),
            lambda: servers.remove_server(ctx, cast.workspace.id, server.id),
            lambda: servers.plan_refresh(ctx, cast.workspace.id, server.id),
        ):
            with pytest.raises(NotFound):
                refused()
    with cast.looks(cast.alice) as ctx, pytest.raises(NotFound):
        servers.get_server(ctx, cast.workspace.id, cast.alice.id)


def test_a_tool_of_any_shape_is_kept_by_what_can_be_shown_of_it(cast: Cast, upstream: FakeUpstream):
    # A title that is no text, and a number of more digits than Python reads at once.
    odd = b'{"name":"odd","title":7,"n":%b,"inputSchema":{}}' % (b"9" * 6000)
    server = add(cast, upstream, tools=[odd, b"{}"])
    nothing = {"title": "", "description": ""}
    assert server.tools == [{"name": "odd", **nothing}, {"name": "", **nothing}]


def test_of_a_list_without_end_the_first_tools_are_kept(cast: Cast, upstream: FakeUpstream):
    server = add(cast, upstream, tools=[b'{"name":"t%d"}' % number for number in range(servers.TOOLS_KEPT + 1)])
    assert (len(server.tools), server.tools[-1]["name"]) == (servers.TOOLS_KEPT, f"t{servers.TOOLS_KEPT - 1}")
