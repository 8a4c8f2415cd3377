"""What tells the eras apart, and how a name travels in a header."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import decode_header_value, encode_header_value

from upstream.eras import Discovery, error_code, judge_discovery, legacy_meta, render_header_value


@given(st.one_of(st.text(), st.from_regex(r"=\?base64\?.*\?=")))
def test_a_name_in_a_header_is_what_the_official_package_reads(name: str) -> None:
    assert decode_header_value(render_header_value(name)) == name
    assert render_header_value(name) == encode_header_value(name)


@pytest.mark.parametrize(
    ("status", "body", "discovery"),
    [
        (200, b'{"result":{"supportedVersions":["2026-07-28"]}}', Discovery.MODERN),
        (200, b'{"result":{"supportedVersions":["2027-01-01","2026-07-28"]}}', Discovery.MODERN),
        (200, b'{"result":{"supportedVersions":"2026-07-28"}}', Discovery.LEGACY),
        (400, b'{"error":{"code":-32020}}', Discovery.MODERN),
        (400, b'{"error":{"code":-32021,"data":{"requiredCapabilities":{}}}}', Discovery.MODERN),
        (400, b'{"error":{"code":-32022,"data":{"supported":["2026-07-28"]}}}', Discovery.MODERN),
        (400, b'{"error":{"code":-32022,"data":{"supported":["2027-01-01"]}}}', Discovery.LEGACY),
        (400, b'{"error":{"code":-32022}}', Discovery.MODERN),
        (400, b'{"error":{"code":-32600}}', Discovery.LEGACY),
        (400, b'{"error":"no"}', Discovery.LEGACY),
        (400, b"Bad Request", Discovery.LEGACY),
        (404, b"", Discovery.LEGACY),
        (200, b"[" * 100_000, Discovery.LEGACY),
        (408, b"", Discovery.UNDECIDED),
        (500, b'{"error":{"code":-32601}}', Discovery.UNDECIDED),
        (503, b"", Discovery.UNDECIDED),
    ],
)
def test_only_an_answer_that_says_so_decides(status: int, body: bytes, discovery: Discovery) -> None:
    assert judge_discovery(status, body) is discovery


def test_a_legacy_server_sees_nothing_modern() -> None:
    meta = {"traceparent": msgspec.Raw(b'"x"'), "io.modelcontextprotocol/logLevel": msgspec.Raw(b'"debug"')}
    assert list(legacy_meta(meta)) == ["traceparent"]


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (b'{"result":{}}', None),
        (b'{"error":{"code":-1}}', -1),
        (b'{"error":[]}', None),
        (b'{"error":{"code":"x"}}', None),
    ],
)
def test_the_code_of_an_error_is_read_where_there_is_one(message: bytes, code: int | None) -> None:
    assert error_code(msgspec.json.decode(message, type=dict[str, msgspec.Raw])) == code
