"""What crosses between the eras gains or loses members, and keeps every other byte."""

import json
import time
from typing import Any

import pytest
from msgspec import Raw

from gateway.protocol.envelopes import questions_of_error, render_result, render_tool
from gateway.protocol.jsonrpc import decode_members, encode
from gateway.protocol.questions import MAX_QUESTION_BYTES, MAX_QUESTIONS
from upstream.eras import META_SERVER, Era

SERVER = Raw(b'{"name":"stoa"}')
ODD = b'{"content": [ {"type":"text" ,"text":"\\u00e9"} ],"big":12345678901234567890123.10}'


def rendered(result: bytes, client: Era, upstream: Era) -> bytes:
    return render_result(decode_members(result), client=client, upstream=upstream, server_info=SERVER)


def test_between_legacy_ends_the_members_keep_their_bytes():
    result = rendered(ODD, Era.LEGACY, Era.LEGACY)
    assert b'[ {"type":"text" ,"text":"\\u00e9"} ]' in result
    assert b"12345678901234567890123.10" in result
    assert set(json.loads(result)) == {"content", "big"}


@pytest.mark.parametrize("upstream", [Era.LEGACY, Era.MODERN])
def test_a_modern_client_is_told_that_it_is_complete_and_by_whom(upstream: Era):
    result = json.loads(rendered(b'{"content":[],"_meta":{"a":1}}', Era.MODERN, upstream))
    assert result["resultType"] == "complete"
    assert result["_meta"] == {"a": 1, META_SERVER: {"name": "stoa"}}


def test_a_legacy_client_sees_nothing_of_the_modern_era():
    modern = {
        "content": [],
        "resultType": "complete",
        "ttlMs": 5,
        "cacheScope": "private",
        "_meta": {META_SERVER: {}, "own": 1},
        "structuredContent": [1],
    }
    result = json.loads(rendered(json.dumps(modern).encode(), Era.LEGACY, Era.MODERN))
    assert result == {"content": [], "_meta": {"own": 1}}


def test_structured_content_that_is_an_object_reaches_a_legacy_client():
    result = rendered(b'{"content":[],"structuredContent":{"a":1}}', Era.LEGACY, Era.MODERN)
    assert json.loads(result) == {"content": [], "structuredContent": {"a": 1}}


def tool(**members: Any) -> dict[str, Raw]:
    return decode_members(json.dumps({"name": "t", "inputSchema": {"type": "object"}, **members}).encode())


def test_a_schema_passes_byte_for_byte():
    schema = b'{"$defs" : {"a":{"$anchor":"x"}}, "allOf":[{"if":{},"then":{}}],"type":"object" }'
    definition = render_tool({"name": Raw(b'"t"'), "inputSchema": Raw(schema)}, name="p__t", client=Era.MODERN)
    assert definition is not None
    assert schema in definition
    assert json.loads(definition)["name"] == "p__t"


def test_one_odd_output_schema_does_not_poison_a_legacy_list():
    odd = tool(outputSchema={"type": "array"})
    legacy = render_tool(odd, name="t", client=Era.LEGACY)
    modern = render_tool(odd, name="t", client=Era.MODERN)
    assert legacy is not None
    assert modern is not None
    assert "outputSchema" not in json.loads(legacy)
    assert json.loads(modern)["outputSchema"] == {"type": "array"}


def test_a_tool_that_only_runs_as_a_task_is_not_offered():
    assert render_tool(tool(execution={"taskSupport": "required"}), name="t", client=Era.LEGACY) is None
    assert render_tool(tool(execution={"taskSupport": "required"}), name="t", client=Era.MODERN) is None


def test_a_modern_client_is_not_told_of_tasks():
    definition = render_tool(tool(execution={"taskSupport": "optional"}), name="t", client=Era.MODERN)
    assert definition is not None
    assert "execution" not in json.loads(definition)


def wants_opened(*addresses: Any, code: int = -32042) -> Raw:
    """A server's error that asks for these addresses to be opened first."""
    return Raw(json.dumps({"code": code, "message": "open", "data": {"elicitations": addresses}}).encode())


def test_addresses_to_be_opened_first_are_a_question_of_the_modern_era():
    address = {"mode": "url", "url": "https://x.test/", "message": "Sign in", "elicitationId": "e", "big": 10**30}
    result = questions_of_error(wants_opened(address, {"url": "https://y.test/"}))
    assert result is not None
    assert json.loads(encode(result)) == {
        "resultType": "input_required",
        "inputRequests": {
            "address-1": {
                "method": "elicitation/create",
                "params": {"mode": "url", "url": "https://x.test/", "message": "Sign in", "big": 10**30},
            },
            "address-2": {"method": "elicitation/create", "params": {"mode": "url", "url": "https://y.test/"}},
        },
    }


@pytest.mark.parametrize(
    "error",
    [
        Raw(b"{"),
        Raw(b'{"code":-32042}'),
        wants_opened(),
        wants_opened("x"),
        wants_opened({"url": "https://x.test/"}, code=-32000),
        wants_opened(*[{"url": "https://x.test/"}] * (MAX_QUESTIONS + 1)),
        wants_opened({"url": "x" * MAX_QUESTION_BYTES}),
    ],
    ids=["no-json", "none-named", "none", "no-object", "another-code", "too-many", "too-long"],
)
def test_any_other_error_asks_nothing(error: Raw):
    assert questions_of_error(error) is None


def test_a_flood_of_addresses_holds_nobody_up():
    flood = b'{"code":-32042,"data":{"elicitations":[' + b",".join([b"{}"] * 2_500_000) + b"]}}"
    began = time.process_time()
    assert questions_of_error(Raw(flood)) is None
    assert time.process_time() - began < 0.25
