"""Reading answers: whether they are ours, and whole."""

import msgspec
import pytest

from upstream.answers import parse_message, require_response
from upstream.faults import UpstreamFault


@pytest.mark.parametrize("written", [b'"s17"', b'"\\u007317"'])
def test_our_id_is_known_however_it_is_written(written: bytes) -> None:
    require_response({"id": msgspec.Raw(written), "result": msgspec.Raw(b"{}")}, "s17", "x")


@pytest.mark.parametrize("written", [b'"s18"', b"17", b"null", b'{"s17":1}', b'["s17"]', b'"S17"', b'" s17"'])
def test_another_id_is_not_ours(written: bytes) -> None:
    with pytest.raises(UpstreamFault, match="another request"):
        require_response({"id": msgspec.Raw(written), "result": msgspec.Raw(b"{}")}, "s17", "x")


def test_both_a_result_and_an_error_is_no_answer() -> None:
    message = parse_message(b'{"id":"s1","result":{},"error":{}}', "x")
    with pytest.raises(UpstreamFault, match="not a JSON-RPC answer"):
        require_response(message, "s1", "x")


@pytest.mark.parametrize(
    "body", [b"", b"null", b"7", b'"x"', b"[{}]", b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b"{}{}", b'{"a":NaN}']
)
def test_what_is_not_one_json_object_is_no_message(body: bytes) -> None:
    with pytest.raises(UpstreamFault) as raised:
        parse_message(body, "x")
    assert raised.value.code == "invalid_json"
