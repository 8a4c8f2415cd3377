"""Several servers' tools become one list and one routing table."""

import json
import uuid

from gateway.catalog.merge import merge
from gateway.directory.snapshots import Server
from upstream.eras import Era


def server(prefix: str) -> Server:
    return Server(uuid.uuid4().hex, prefix or "main", prefix, "http://x/mcp", None, "s", 5, 60, prefix)


def tool(name: str) -> bytes:
    return json.dumps({"name": name, "inputSchema": {"type": "object"}}).encode()


def names(raw: bytes) -> list[str]:
    return [each["name"] for each in json.loads(raw)]


def test_tools_are_listed_in_the_order_of_servers_and_each_server_s_own():
    one, two = server("a"), server("b")
    merged = merge([(one, [tool("z"), tool("y")]), (two, [tool("z")])])
    assert names(merged.tools[Era.LEGACY]) == names(merged.tools[Era.MODERN]) == ["a__z", "a__y", "b__z"]
    assert (merged.routes["b__z"].server, merged.routes["b__z"].tool) == (two, "z")


def test_two_servers_whose_names_meet_keep_both_tools():
    merged = merge([(server("a"), [tool("b__c")]), (server("a__b"), [tool("c")])])
    assert len(merged.routes) == 2
    assert {route.tool for route in merged.routes.values()} == {"b__c", "c"}


def test_a_name_that_a_server_offers_twice_is_listed_once():
    assert names(merge([(server("a"), [tool("t"), tool("t"), tool("t")])]).tools[Era.LEGACY]) == ["a__t"]


def test_what_is_no_tool_is_left_out():
    broken = [b"5", b"{}", b'{"name":5,"inputSchema":{}}', b'{"name":"","inputSchema":{}}', b'{"name":"x"}']
    assert names(merge([(server("a"), [*broken, tool("ok")])]).tools[Era.LEGACY]) == ["a__ok"]


def test_no_server_is_an_empty_list():
    assert merge([]).tools == {Era.LEGACY: b"[]", Era.MODERN: b"[]"}
