"""Each client gets what it takes, and no name becomes too long for it."""

import json
import shlex

from hypothesis import given
from hypothesis import strategies as st

from common import slugs, tokens
from webapp.services.client_configurations import is_shortened, key_for, mcp_json, render_configurations

TOKEN = tokens.mint().plaintext
BEARER = f"Bearer {TOKEN}"


def rendered(slug: str = "dev-tools") -> dict[str, str]:
    return {one.name: one.text for one in render_configurations("https://gw.test", slug, TOKEN)}


def test_the_general_configuration_is_the_first_and_has_the_documented_shape():
    expected = {
        "mcpServers": {"dev-tools": {"url": "https://gw.test/ws/dev-tools", "headers": {"Authorization": BEARER}}}
    }
    assert mcp_json("https://gw.test", "dev-tools", TOKEN) == expected
    assert next(iter(rendered())) == "mcp_json"
    assert json.loads(rendered()["mcp_json"]) == json.loads(rendered()["cursor"]) == expected


def test_claude_desktop_goes_through_the_bridge():
    entry = json.loads(rendered()["claude_desktop"])["mcpServers"]["dev-tools"]
    assert entry["command"] == "npx"
    assert entry["args"] == [
        "-y", "mcp-remote", "https://gw.test/ws/dev-tools", "--transport", "http-only", "--header",
        f"Authorization:{BEARER}",
    ]  # fmt: skip


def test_vs_code_has_its_own_key_and_asks_for_the_token():
    configuration = json.loads(rendered()["vscode"])
    assert configuration["inputs"][0]["password"] is True
    assert configuration["servers"]["dev-tools"] == {
        "type": "http",
        "url": "https://gw.test/ws/dev-tools",
        "headers": {"Authorization": "Bearer ${input:mwt}"},
    }
    assert TOKEN not in rendered()["vscode"]


def test_commands_survive_a_shell():
    claude = shlex.split(rendered()["claude_code"])
    assert claude[:5] == ["claude", "mcp", "add", "--transport", "http"]
    assert claude[5:] == ["dev-tools", "https://gw.test/ws/dev-tools", "--header", f"Authorization: {BEARER}"]
    assert shlex.split(rendered()["codex"].splitlines()[1])[3:] == [
        "dev-tools", "--url", "https://gw.test/ws/dev-tools", "--bearer-token-env-var", "MWT_TOKEN",
    ]  # fmt: skip
    curl = shlex.split(rendered()["curl"])
    assert json.loads(curl[-1])["method"] == "tools/list"
    assert f"Authorization: {BEARER}" in curl


def test_a_token_is_not_in_the_representation():
    assert TOKEN not in repr(render_configurations("https://gw.test", "dev-tools", TOKEN))


def test_a_slug_that_is_short_enough_is_the_key():
    assert (key_for("my-dev-tools"), is_shortened("my-dev-tools")) == ("my-dev-tools", False)
    assert is_shortened("a-rather-long-workspace-name")


@given(st.from_regex(r"[a-z0-9]+(-[a-z0-9]+)*", fullmatch=True).filter(lambda slug: len(slug) <= slugs.MAX_LENGTH))
def test_no_key_makes_a_tools_name_too_long_for_claude_code_or_cursor(slug: str):
    key = key_for(slug)
    assert slugs.is_valid(key)
    assert len(f"mcp__{key}__") + 40 <= 64
    assert len(key) + 40 <= 60


def test_two_long_slugs_with_one_beginning_have_two_keys():
    assert key_for("a-rather-long-workspace-one") != key_for("a-rather-long-workspace-two")
