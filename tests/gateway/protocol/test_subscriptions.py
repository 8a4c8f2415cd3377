"""Filters are read strictly, and messages are rendered as each era has them."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.protocol.refusals import INVALID_PARAMS, Refusal
from gateway.protocol.subscriptions import (
    CHANGED,
    MAX_URIS,
    Wants,
    decode_method,
    find_uri,
    parse_wants,
    render_acknowledged,
    render_change,
    render_ended,
    render_updated,
)
from upstream.eras import META_SUBSCRIPTION


def wants(filter: Any) -> Wants:
    return parse_wants({"notifications": Raw(json.dumps(filter).encode())})


def test_a_filter_names_what_is_wanted_and_nothing_else_is():
    assert wants({}) == Wants(frozenset(), ())
    assert wants({"toolsListChanged": True, "promptsListChanged": False, "unknown": 1}).lists == {"tools/list"}
    everything = {"toolsListChanged": True, "promptsListChanged": True, "resourcesListChanged": True}
    assert wants(everything).lists == set(CHANGED.values())
    assert wants({"resourceSubscriptions": ["b", "a", "b"]}).uris == ("b", "a")


@pytest.mark.parametrize(
    "filter",
    [
        None,
        [],
        "all",
        {"toolsListChanged": 1},
        {"resourceSubscriptions": "a"},
        {"resourceSubscriptions": [""]},
        {"resourceSubscriptions": ["x" * 5000]},
        {"resourceSubscriptions": [str(number) for number in range(MAX_URIS + 1)]},
    ],
)
def test_a_filter_that_is_none_is_invalid(filter: Any):
    with pytest.raises(Refusal) as refused:
        wants(filter)
    assert refused.value.code == INVALID_PARAMS


def test_a_request_without_a_filter_is_invalid():
    with pytest.raises(Refusal):
        parse_wants({})


@pytest.mark.parametrize("id", [b"7", b'"seven"'])
def test_on_a_listen_stream_each_message_carries_the_request_s_id(id: bytes):
    meta = {META_SUBSCRIPTION: json.loads(id)}
    acknowledged = json.loads(render_acknowledged(Wants(frozenset({"tools/list"}), ("a", "b")), id))
    assert acknowledged["params"] == {
        "_meta": meta,
        "notifications": {"toolsListChanged": True, "resourceSubscriptions": ["a", "b"]},
    }
    assert json.loads(render_change("prompts/list", id)) == {
        "jsonrpc": "2.0",
        "method": "notifications/prompts/list_changed",
        "params": {"_meta": meta},
    }
    assert json.loads(render_updated('a"b', id))["params"] == {"_meta": meta, "uri": 'a"b'}
    assert json.loads(render_ended(id)) == {
        "jsonrpc": "2.0",
        "id": json.loads(id),
        "result": {"resultType": "complete", "_meta": meta},
    }


def test_on_a_legacy_stream_no_message_carries_anything_of_the_modern_era():
    assert json.loads(render_change("tools/list", b"")) == {
        "jsonrpc": "2.0",
        "method": "notifications/tools/list_changed",
    }
    assert json.loads(render_updated("a", b""))["params"] == {"uri": "a"}


def test_what_a_server_says_is_read_without_trust():
    assert decode_method({"method": Raw(b'"a"')}) == "a"
    assert decode_method({"method": Raw(b"5")}) == decode_method({}) == ""
    assert find_uri({"params": Raw(b'{"uri":"a"}')}) == "a"
    for params in (b"[]", b"{}", b'{"uri":5}', b'{"uri":"%b"}' % (b"x" * 5000)):
        assert find_uri({"params": Raw(params)}) == ""
    assert find_uri({}) == ""
