"""Reading answers: ids, and how long a server asks to be left alone."""

import msgspec
import pytest
import time_machine

from upstream.answers import parse_message, read_retry_after, require_response
from upstream.faults import UpstreamFault


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"7", 7),
        (b" 7 ", 7),
        (b"0", 0),
        (b"999999999999999", 3600),
        (b"Fri, 20 Nov 2026 12:00:30 GMT", 30),
        (b"Fri, 20 Nov 2026 11:00:00 GMT", 0),
        (b"Fri, 20 Nov 2099 12:00:30 GMT", 3600),
        (b"Fri, 20 Nov 2026 12:00:30 -0000", None),
        (b"-1", None),
        (b"1.5", None),
        (b"soon", None),
        (b"\xb2", None),
        (b"", None),
    ],
)
@time_machine.travel("2026-11-20T12:00:00Z", tick=False)
def test_retry_after_is_seconds_or_a_date_and_at_most_an_hour(value: bytes, seconds: int | None) -> None:
    assert read_retry_after({b"retry-after": value}) == seconds


def test_nothing_said_is_nothing_known() -> None:
    assert read_retry_after({}) is None


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
