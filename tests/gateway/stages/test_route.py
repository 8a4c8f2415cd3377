"""Prompts, resources and completions reach their server, beside the tools."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.conftest import META, Rig
from upstream.eras import MODERN_VERSION
from upstream.fake import FakeUpstream
from upstream.fake_faults import status

TEMPLATE = {"uriTemplate": "note://{name}", "name": "note"}
STATIC = {"uri": "test://static", "name": "static"}
REGION = {
    "name": "deploy",
    "inputSchema": {"type": "object", "properties": {"region": {"type": "string", "x-mcp-header": "Region"}}},
}
BROKEN = {"name": "broken", "inputSchema": {"type": "object", "items": {"x-mcp-header": "X", "type": "string"}}}
PROMPT = {"name": "sum_up", "description": "Sum up", "arguments": [{"name": "note", "required": True}]}


@pytest.fixture(scope="module")
def offering(rig: Rig) -> Iterator[FakeUpstream]:
    """A third server that has prompts and resources too."""
    with FakeUpstream("both", tools=[REGION, BROKEN]) as fake:
        fake.capabilities = {"tools": {}, "prompts": {}, "resources": {}, "completions": {}}
        fake.results.update(
            {
                "prompts/list": {"prompts": [PROMPT]},
                "prompts/get": {"messages": [{"role": "user", "content": {"type": "text", "text": "Sum up!"}}]},
                "resources/list": {"resources": [STATIC]},
                "resources/templates/list": {"resourceTemplates": [TEMPLATE]},
                "resources/read": {"contents": [{"uri": "test://static", "text": "still"}]},
                "completion/complete": {"completion": {"values": ["one", "two"]}},
            }
        )
        workspace = rig.tenants.workspaces["demo"]
        rig.tenants.add_server(workspace, fake.url, prefix="off")
        yield fake


@pytest.fixture(params=["legacy", "modern"])
def call(request: pytest.FixtureRequest, rig: Rig, offering: FakeUpstream) -> Any:
    return rig.legacy_call if request.param == "legacy" else rig.modern_call


def test_prompts_are_listed_and_got(call: Any, offering: FakeUpstream):
    assert call("prompts/list").body["result"]["prompts"] == [{**PROMPT, "name": "off__sum_up"}]
    got = call("prompts/get", {"name": "off__sum_up", "arguments": {"note": "x"}}).body["result"]
    assert got["messages"][0]["content"]["text"] == "Sum up!"
    assert offering.last("prompts/get").params["name"] == "sum_up"


def test_resources_are_listed_and_read_by_their_own_uri(call: Any, offering: FakeUpstream):
    assert call("resources/list").body["result"]["resources"] == [STATIC]
    assert call("resources/templates/list").body["result"]["resourceTemplates"] == [TEMPLATE]
    assert call("resources/read", {"uri": "test://static"}).body["result"]["contents"][0]["text"] == "still"
    assert call("resources/read", {"uri": "note://shopping"}).status == 200
    assert offering.last("resources/read").params["uri"] == "note://shopping"


def test_a_completion_names_its_prompt_as_the_server_does(call: Any, offering: FakeUpstream):
    argument = {"name": "note", "value": "o"}
    by_prompt = call(
        "completion/complete", {"ref": {"type": "ref/prompt", "name": "off__sum_up"}, "argument": argument}
    )
    assert by_prompt.body["result"]["completion"]["values"] == ["one", "two"]
    assert offering.last("completion/complete").params["ref"] == {"type": "ref/prompt", "name": "sum_up"}
    ref = {"type": "ref/resource", "uri": "note://{name}"}
    assert "result" in call("completion/complete", {"ref": ref, "argument": argument}).body
    assert offering.last("completion/complete").params["ref"] == ref


def test_what_is_not_there_is_told_in_each_era_s_way(rig: Rig, offering: FakeUpstream):
    legacy = rig.legacy_call("resources/read", {"uri": "test://nothing"}).body["error"]
    modern = rig.modern_call("resources/read", {"uri": "test://nothing"}).body["error"]
    assert (legacy["code"], modern["code"]) == (-32002, -32602)
    assert legacy["data"] == modern["data"] == {"uri": "test://nothing"}
    assert rig.legacy_call("prompts/get", {"name": "off__none"}).body["error"]["code"] == -32602


def test_a_server_s_own_code_for_a_missing_resource_is_translated(rig: Rig, offering: FakeUpstream):
    offering.always("resources/read", lambda turn: turn.refuse(200, -32002, "gone", data={"uri": "test://static"}))
    assert rig.legacy_call("resources/read", {"uri": "test://static"}).body["error"]["code"] == -32002
    assert rig.modern_call("resources/read", {"uri": "test://static"}).body["error"]["code"] == -32602
    offering.always("resources/read", None)


def test_a_modern_client_is_told_that_what_it_read_may_not_be_kept(rig: Rig, offering: FakeUpstream):
    read = rig.modern_call("resources/read", {"uri": "test://static"}).body["result"]
    assert (read["ttlMs"], read["cacheScope"], read["resultType"]) == (0, "private", "complete")


def test_a_server_that_fails_is_an_error_that_names_it(call: Any, offering: FakeUpstream):
    offering.script("prompts/get", status(500))
    answer = call("prompts/get", {"name": "off__sum_up"})
    assert answer.status == 200
    assert answer.body["error"]["code"] == -31502
    assert answer.body["error"]["message"].startswith("off: ")


@pytest.mark.parametrize("ref", [None, 5, {}, {"type": "ref/tool", "name": "x"}, {"type": "ref/prompt"}])
def test_a_completion_about_nothing_is_invalid(rig: Rig, offering: FakeUpstream, ref: Any):
    assert rig.legacy_call("completion/complete", {"ref": ref, "argument": {}}).body["error"]["code"] == -32602


def test_a_cursor_of_another_list_is_refused(rig: Rig, offering: FakeUpstream):
    for cursor in ("", "x.0", "x", 5, "0" * 16 + ".1"):
        assert rig.legacy_call("prompts/list", {"cursor": cursor}).body["error"]["code"] == -32602


def test_the_header_names_the_resource_too(rig: Rig, offering: FakeUpstream):
    params = {"_meta": META, "uri": "test://static"}
    message = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": params}
    headers = {"MCP-Protocol-Version": MODERN_VERSION, "Mcp-Method": "resources/read", "Mcp-Name": "test://other"}
    assert rig.gateway.post("demo", rig.token, message, headers).body["error"]["code"] == -32020


def test_an_argument_that_the_tool_wants_in_a_header_goes_along(rig: Rig, offering: FakeUpstream):
    params = {"name": "off__deploy", "arguments": {"region": "zürich"}}
    assert rig.legacy_call("tools/call", params).status == 200
    assert offering.last("tools/call").headers["mcp-param-region"] == "=?base64?esO8cmljaA==?="
    answer = rig.modern_call("tools/call", params, **{"Mcp-Param-Region": "=?base64?esO8cmljaA==?="})
    assert answer.status == 200
    assert offering.last("tools/call").headers["mcp-param-region"] == "=?base64?esO8cmljaA==?="


def test_a_modern_client_s_header_must_say_what_the_argument_says(rig: Rig, offering: FakeUpstream):
    params = {"name": "off__deploy", "arguments": {"region": "eu"}}
    for headers in ({}, {"Mcp-Param-Region": "us"}):
        answer = rig.modern_call("tools/call", params, **headers)
        assert (answer.status, answer.body["error"]["code"]) == (400, -32020)


def test_a_tool_whose_annotations_break_the_rules_is_not_offered(rig: Rig, offering: FakeUpstream):
    names = [tool["name"] for tool in rig.modern_call("tools/list").body["result"]["tools"]]
    assert "off__deploy" in names
    assert "off__broken" not in names
