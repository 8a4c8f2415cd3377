"""Arguments in headers: which annotations count, and when a header says something else than the body."""

from typing import Any

import pytest

from gateway.protocol.param_headers import (
    InvalidAnnotation,
    ParamHeader,
    mirror,
    read_param_headers,
    require_param_headers,
)
from gateway.protocol.refusals import Refusal

REGION = {"type": "string", "x-mcp-header": "Region"}
NESTED = {"type": "object", "properties": {"count": {"type": "integer", "x-mcp-header": "Count"}}}
SCHEMA = {"type": "object", "properties": {"region": REGION, "inner": NESTED, "plain": {"type": "string"}}}
DECLARED = (ParamHeader(("inner", "count"), "Count", True), ParamHeader(("region",), "Region", False))


def test_annotations_are_found_wherever_properties_lead():
    assert sorted(read_param_headers(SCHEMA)) == list(DECLARED)
    assert read_param_headers({"type": "object"}) == ()
    assert read_param_headers(True) == ()


@pytest.mark.parametrize(
    "schema",
    [
        {"x-mcp-header": "Root", "type": "string"},
        {"properties": {"a": {"type": "string", "x-mcp-header": ""}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "Two Words"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "Line\r\nBreak"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 5}}},
        {"properties": {"a": {"type": "number", "x-mcp-header": "N"}}},
        {"properties": {"a": {"type": ["string", "null"], "x-mcp-header": "N"}}},
        {"properties": {"a": {"x-mcp-header": "N"}}},
        {"properties": {"a": REGION, "b": {"type": "string", "x-mcp-header": "REGION"}}},
        {"properties": {"a": {"type": "array", "items": REGION}}},
        {"anyOf": [{"properties": {"a": REGION}}]},
        {"$defs": {"a": REGION}},
        {"if": REGION},
    ],
)
def test_an_annotation_that_breaks_a_rule_is_named(schema: Any):
    with pytest.raises(InvalidAnnotation):
        read_param_headers(schema)


def test_what_only_looks_like_an_annotation_is_none():
    assert read_param_headers({"properties": {"a": {"type": "string", "default": {"x-mcp-header": "X"}}}}) == ()
    assert read_param_headers({"properties": {"x-mcp-header": {"type": "string"}}}) == ()


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"region": "eu"}, {"Region": "eu"}),
        ({"region": "eu", "inner": {"count": 5}}, {"Region": "eu", "Count": "5"}),
        ({"region": None, "inner": 7}, {}),
        ({"region": True}, {"Region": "true"}),
        ({"region": {"a": 1}}, {}),
        ([], {}),
    ],
)
def test_arguments_that_are_there_are_mirrored(arguments: Any, expected: dict[str, str]):
    assert mirror(DECLARED, arguments) == expected


def headers(**said: str) -> list[tuple[bytes, bytes]]:
    return [(f"Mcp-Param-{name}".encode(), value.encode()) for name, value in said.items()]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, {}),
        ({"region": "eu"}, {"region": "eu"}),
        ({"region": "eu"}, {"REGION": "=?base64?ZXU=?="}),
        ({"region": "é"}, {"Region": "=?base64?w6k=?="}),
        ({"inner": {"count": 42}}, {"Count": "42.0"}),
        ({"inner": {"count": 12345678901234567890123}}, {"Count": "12345678901234567890123"}),
        ({"region": "eu"}, {"region": "eu", "Unknown": "x"}),
    ],
)
def test_what_agrees_passes(arguments: Any, said: dict[str, str]):
    require_param_headers(DECLARED, arguments, headers(**said))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"region": "eu"}, {}),
        ({}, {"Region": "eu"}),
        ({"region": "eu"}, {"Region": "us"}),
        ({"region": "eu"}, {"Region": "EU"}),
        ({"region": "eu"}, {"Region": "=?base64?!!?="}),
        ({"inner": {"count": 42}}, {"Count": "42.5"}),
        ({"inner": {"count": 42}}, {"Count": "4.2e1"}),
        ({"region": {"a": 1}}, {"Region": "x"}),
    ],
)
def test_what_differs_is_refused(arguments: Any, said: dict[str, str]):
    with pytest.raises(Refusal) as refused:
        require_param_headers(DECLARED, arguments, headers(**said))
    assert (refused.value.status, refused.value.code) == (400, -32020)


def test_a_header_that_is_there_twice_is_refused():
    with pytest.raises(Refusal, match="twice"):
        require_param_headers(DECLARED, {"region": "eu"}, headers(Region="eu") + headers(region="eu"))
