"""Several servers' tools become one list and one routing table."""

import json
import uuid

import pytest

from gateway.catalog.merge import MAX_TEMPLATES, PAGE_ITEMS, Merged, Route, merge
from gateway.directory.snapshots import Server
from gateway.protocol.methods import Kind
from upstream.eras import Era


def server(prefix: str) -> Server:
    return Server(uuid.uuid4().hex, prefix or "main", prefix, "http://x/mcp", None, "s", 5, 60, prefix, "shared")


def tool(name: str) -> bytes:
    return json.dumps({"name": name, "inputSchema": {"type": "object"}}).encode()


def names(merged: Merged, era: Era = Era.LEGACY) -> list[str]:
    return [each["name"] for page in merged.pages[era] for each in json.loads(page)]


def test_tools_are_listed_in_the_order_of_servers_and_each_server_s_own():
    one, two = server("a"), server("b")
    merged = merge(Kind.TOOLS, [(one, [tool("z"), tool("y")]), (two, [tool("z")])])
    assert names(merged) == names(merged, Era.MODERN) == ["a__z", "a__y", "b__z"]
    assert (merged.routes["b__z"].server, merged.routes["b__z"].name) == (two, "z")


def test_two_servers_whose_names_meet_keep_both_tools():
    merged = merge(Kind.TOOLS, [(server("a"), [tool("b__c")]), (server("a__b"), [tool("c")])])
    assert len(merged.routes) == 2
    assert {route.name for route in merged.routes.values()} == {"b__c", "c"}


def test_a_name_that_a_server_offers_twice_is_listed_once():
    assert names(merge(Kind.TOOLS, [(server("a"), [tool("t"), tool("t"), tool("t")])])) == ["a__t"]


def test_what_is_no_tool_is_left_out():
    broken = [b"5", b"{}", b'{"name":5,"inputSchema":{}}', b'{"name":"","inputSchema":{}}', b'{"name":"x"}']
    assert names(merge(Kind.TOOLS, [(server("a"), [*broken, tool("ok")])])) == ["a__ok"]


def test_no_server_is_an_empty_list():
    assert merge(Kind.TOOLS, []).pages == {Era.LEGACY: (b"[]",), Era.MODERN: (b"[]",)}


def test_a_long_list_is_cut_into_pages_that_lose_nothing():
    merged = merge(Kind.TOOLS, [(server("a"), [tool(f"t{number}") for number in range(PAGE_ITEMS + 1)])])
    assert [len(json.loads(page)) for page in merged.pages[Era.MODERN]] == [PAGE_ITEMS, 1]
    assert len(set(names(merged))) == PAGE_ITEMS + 1


def test_the_fingerprint_tells_lists_apart_and_nothing_else():
    one = server("a")
    first, same = (merge(Kind.TOOLS, [(one, [tool("x")])]) for _ in range(2))
    assert first.fingerprint == same.fingerprint
    assert first.fingerprint != merge(Kind.TOOLS, [(one, [tool("y")])]).fingerprint


def test_prompts_are_prefixed_and_resources_keep_their_uri():
    one, two = server("a"), server("b")
    prompts = merge(Kind.PROMPTS, [(one, [b'{"name":"p","arguments":[ ]}'])])
    assert prompts.pages[Era.LEGACY] == (b'[{"name":"a__p","arguments":[ ]}]',)
    resources = merge(Kind.RESOURCES, [(one, [b'{"uri":"x://1"}']), (two, [b'{"uri":"x://1"}', b'{"uri":"x://2"}'])])
    assert resources.find("x://1") == Route(one, "x://1")
    assert resources.find("x://2") == Route(two, "x://2")
    assert json.loads(resources.pages[Era.MODERN][0]) == [{"uri": "x://1"}, {"uri": "x://2"}]


@pytest.mark.parametrize(
    ("template", "uri", "fits"),
    [
        ("note://{name}", "note://shopping", True),
        ("note://{name}", "note://a/b", False),
        ("note://{name}", "note://", False),
        ("file:///{+path}", "file:///a/b.txt", True),
        ("db://{table}/rows{?limit}", "db://users/rows?limit=5", True),
        ("db://{table}/rows{?limit}", "db://users/rows", True),
        ("db://{table}/rows", "db://users/columns", False),
        ("a.b://{x}", "aXb://1", False),
    ],
)
def test_a_template_finds_the_owner_of_its_uris(template: str, uri: str, fits: bool):
    merged = merge(Kind.TEMPLATES, [(server("a"), [json.dumps({"uriTemplate": template, "name": "n"}).encode()])])
    assert (merged.find(uri) is not None) is fits
    assert merged.find(template) is not None


def test_of_each_server_so_many_templates_stand_for_uris_and_all_are_listed():
    def template(name: str, number: int) -> bytes:
        return json.dumps({"uriTemplate": f"{name}{number}://{{x}}", "name": "n"}).encode()

    greedy, modest = server("a"), server("b")
    too_long = json.dumps({"uriTemplate": "long://{x}" + "y" * 2048, "name": "n"}).encode()
    offered = [too_long, *(template("g", number) for number in range(MAX_TEMPLATES + 1))]
    merged = merge(Kind.TEMPLATES, [(greedy, offered), (modest, [template("m", 0)])])
    assert sum(len(json.loads(page)) for page in merged.pages[Era.LEGACY]) == MAX_TEMPLATES + 3
    assert merged.find("long://1" + "y" * 2048) is None
    assert merged.find(f"g{MAX_TEMPLATES - 1}://1") == Route(greedy, f"g{MAX_TEMPLATES - 1}://1")
    assert merged.find(f"g{MAX_TEMPLATES}://1") is None
    assert merged.find("m0://1") == Route(modest, "m0://1")
