"""The demo is made once, and made again it only changes what is different."""

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest

from common import tokens as minting
from common.models import User
from upstream.fake import FakeUpstream
from webapp import demo
from webapp.demo import Demo, Wish, make_demo
from webapp.resources import Resources
from webapp.services import accounts, servers, tokens, users, workspace_lists, workspaces


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "demo.json"


def make(resources: Resources, state: Path, wishes: Sequence[Wish] = ()) -> tuple[Demo, list[str]]:
    warnings: list[str] = []
    return make_demo(resources, state, wishes, warnings.append), warnings


def sign_in(resources: Resources, made: Demo) -> User:
    with resources.transaction(write=False) as ctx:
        return users.sign_in(ctx, email=made.email, password=made.password)


def prefixes(resources: Resources, made: Demo) -> list[str]:
    with resources.transaction(write=False, actor=sign_in(resources, made)) as ctx:
        (entry,) = workspace_lists.list_workspaces(ctx).items
        return [server.prefix for server in servers.list_servers(ctx, entry.workspace.id)]


def test_a_newcomer_can_sign_in_and_call(resources: Resources, state: Path):
    with FakeUpstream() as upstream:
        made, warnings = make(resources, state, [Wish("echo", upstream.url)])
    assert warnings == []
    assert made.workspace["slug"] == "demo"
    assert minting.digest_of(made.token) is not None
    assert made.mcp_json["mcpServers"]["demo"]["url"] == "http://gateway.test/ws/demo"
    assert prefixes(resources, made) == ["echo"]
    with resources.transaction(write=False, actor=sign_in(resources, made)) as ctx:
        (account,) = accounts.list_accounts(ctx)
        assert (account.account.plan, account.workspaces) == ("pro", 1)


def test_what_was_made_is_kept_for_its_owner_alone(resources: Resources, state: Path):
    made, _ = make(resources, state)
    assert stat.S_IMODE(state.stat().st_mode) == 0o600
    assert json.loads(state.read_text())["token"] == made.token


def test_made_again_it_is_the_same(resources: Resources, state: Path):
    with FakeUpstream() as upstream:
        wishes = [Wish("echo", upstream.url)]
        first, _ = make(resources, state, wishes)
        asked = upstream.count("tools/list")
        second, _ = make(resources, state, wishes)
        assert upstream.count("tools/list") == asked
    assert (first, first.password, first.token) == (second, second.password, second.token)


def test_other_servers_take_the_place_of_those_before(resources: Resources, state: Path):
    with FakeUpstream() as one, FakeUpstream() as two:
        make(resources, state, [Wish("one", one.url), Wish("two", two.url)])
        made, warnings = make(resources, state, [Wish("", two.url)])
    assert warnings == []
    assert prefixes(resources, made) == [""]


def test_a_token_that_was_revoked_is_replaced(resources: Resources, state: Path):
    made, _ = make(resources, state)
    with resources.transaction(write=True, actor=sign_in(resources, made)) as ctx:
        (entry,) = workspace_lists.list_workspaces(ctx).items
        (listed,) = tokens.list_tokens(ctx, entry.workspace.id)
        tokens.revoke_token(ctx, entry.workspace.id, listed.token.id)
    again, _ = make(resources, state)
    assert again.token != made.token


def test_a_lost_file_makes_a_new_password_and_token_and_no_second_demo(resources: Resources, state: Path):
    make(resources, state)
    state.unlink()
    again, _ = make(resources, state)
    assert again.workspace["slug"] == "demo"
    assert sign_in(resources, again).email == again.email
    state.write_text("not json")
    assert make(resources, state)[0].workspace == again.workspace


def test_a_demo_that_was_deleted_is_made_anew_under_another_slug(resources: Resources, state: Path):
    made, _ = make(resources, state)
    with resources.transaction(write=True, actor=sign_in(resources, made)) as ctx:
        (entry,) = workspace_lists.list_workspaces(ctx).items
        workspaces.delete_workspace(ctx, entry.workspace.id, typed_slug="demo")
    again, _ = make(resources, state)
    assert again.workspace["slug"].startswith("demo-")


def test_a_server_that_does_not_answer_is_left_out_and_named(
    resources: Resources, state: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(demo, "PATIENCE_SECONDS", 0.1)
    with FakeUpstream() as gone:
        pass
    with FakeUpstream() as upstream:
        made, warnings = make(resources, state, [Wish("gone", gone.url), Wish("echo", upstream.url)])
    assert prefixes(resources, made) == ["echo"]
    assert len(warnings) == 1
    assert gone.url in warnings[0]


@pytest.mark.parametrize(
    ("text", "wish"),
    [
        ("time=http://127.0.0.1:1/mcp", Wish("time", "http://127.0.0.1:1/mcp")),
        ("http://127.0.0.1:1/mcp?a=b", Wish("", "http://127.0.0.1:1/mcp?a=b")),
        ("=https://example.com/?a=b", Wish("", "https://example.com/?a=b")),
    ],
)
def test_a_wish_has_a_prefix_or_none(text: str, wish: Wish):
    assert Wish.parse(text) == wish
