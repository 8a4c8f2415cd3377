"""One JSON-RPC message comes in whole, or is refused with what is wrong."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.jsonrpc import (
    MAX_BATCH,
    MAX_ID_BYTES,
    Batch,
    ClientReply,
    Message,
    error_body,
    parse_posted,
    result_body,
)
from gateway.protocol.refusals import Refusal

PING = b'{"jsonrpc":"2.0","id":1,"method":"ping"}'


def refused(body: bytes) -> Refusal:
    with pytest.raises(Refusal) as raised:
        parse_posted(body)
    return raised.value


def read(body: bytes) -> Message:
    message = parse_posted(body)
    assert isinstance(message, Message)
    return message


def read_batch(*messages: bytes) -> Batch:
    batch = parse_posted(b"[" + b",".join(messages) + b"]")
    assert isinstance(batch, Batch)
    return batch


def test_a_request_is_taken_apart_one_level_deep():
    message = read(b'{"jsonrpc":"2.0","id":"a","method":"m","params":{"arguments":{"n":1.0}}}')
    assert (message.id, message.method) == (b'"a"', "m")
    assert bytes(message.params["arguments"]) == b'{"n":1.0}'


def test_numbers_that_python_would_round_keep_their_bytes():
    message = read(b'{"jsonrpc":"2.0","id":1,"method":"m","params":{"n":12345678901234567890123.10}}')
    assert bytes(message.params["n"]) == b"12345678901234567890123.10"


def test_a_message_without_an_id_is_a_notification():
    assert read(b'{"jsonrpc":"2.0","method":"notifications/initialized"}').id is None


@pytest.mark.parametrize(
    ("body", "code", "word"),
    [
        (b"", -32700, "JSON"),
        (b"{", -32700, "JSON"),
        (b'{"a":1}}', -32700, "JSON"),
        (b'{"jsonrpc":"2.0","id":1,"method":"\xff"}', -32700, "UTF-8"),
        (b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}", -32700, "deeply"),
        (b"[]", -32600, "batch"),
        (b"[1]", -32600, "batch"),
        (b"[" + PING + b",[]]", -32600, "batch"),
        (b"[" + PING + b",{}]", -32600, "no method"),
        (b"[" + PING, -32700, "array"),
        (b"[" + b",".join([PING] * (MAX_BATCH + 1)) + b"]", -32600, str(MAX_BATCH)),
        (b"5", -32600, "object"),
        (b'"ping"', -32600, "object"),
        (b"null", -32600, "object"),
        (b"{}", -32600, "no method"),
        (b'{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600, "no method"),
        (b'{"jsonrpc":"2.0","result":{}}', -32600, "no id"),
        (b'{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600, "2.0"),
        (b'{"id":1,"method":"ping"}', -32600, "2.0"),
        (b'{"jsonrpc":"2.0","id":1,"method":5}', -32600, "string"),
        (b'{"jsonrpc":"2.0","id":1,"method":""}', -32600, "name"),
        (b'{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600, "id"),
        (b'{"jsonrpc":"2.0","id":{},"method":"ping"}', -32600, "id"),
        (b'{"jsonrpc":"2.0","id":[1],"method":"ping"}', -32600, "id"),
        (b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600, "id"),
        (b'{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600, "id"),
        (b'{"jsonrpc":"2.0","id":"' + b"x" * 1_000_000 + b'","method":"ping"}', -32600, str(MAX_ID_BYTES)),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}', -32602, "params"),
        (b'{"jsonrpc":"2.0","id":1,"method":"ping","params":5}', -32602, "params"),
    ],
)
def test_a_malformed_body_is_refused_with_what_is_wrong(body: bytes, code: int, word: str):
    refusal = refused(body)
    assert (refusal.status, refusal.code) == (400, code)
    assert word in refusal.message


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


def test_a_client_s_answer_keeps_its_id_and_what_it_says():
    reply = parse_posted(b'{"jsonrpc":"2.0","id":"b-1","result":{"n":1.0}}')
    assert isinstance(reply, ClientReply)
    assert reply.id == b'"b-1"'
    assert bytes(reply.outcome["result"]) == b'{"n":1.0}'
    error = parse_posted(b'{"jsonrpc":"2.0","id":7,"error":{"code":-1}}')
    assert isinstance(error, ClientReply)
    assert list(error.outcome) == ["error"]


def test_a_batch_is_sorted_by_what_each_message_wants():
    batch = read_batch(
        PING, b'{"jsonrpc":"2.0","method":"n"}', b'{"jsonrpc":"2.0","id":"r","result":{}}', PING.replace(b"1,", b"2,")
    )
    assert [message.id for message in batch.requests] == [b"1", b"2"]
    assert [message.method for message in batch.notifications] == ["n"]
    assert [reply.id for reply in batch.replies] == [b'"r"']


@given(st.one_of(json_values.map(lambda value: json.dumps(value).encode()), st.binary(max_size=200)))
def test_no_random_body_is_a_message_or_breaks_the_parser(body: bytes):
    refusal = refused(body)
    assert refusal.status == 400
    assert json.loads(refusal.body())["error"]["message"]


def test_a_result_is_wrapped_under_the_request_s_id():
    assert json.loads(result_body(b'"a"', b'{"x":1}')) == {"jsonrpc": "2.0", "id": "a", "result": {"x": 1}}
    assert json.loads(error_body(b"1", b'{"code":1}')) == {"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}
