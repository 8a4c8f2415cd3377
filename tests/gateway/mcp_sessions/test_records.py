"""What is remembered of a session comes back as it was, and only our own ids are taken for ids."""

import pytest

from gateway.mcp_sessions.records import McpSession, is_session_id, parse_session, render_session


@pytest.mark.parametrize(
    "session",
    [
        McpSession("2025-11-25", b"{}", ""),
        McpSession("2024-11-05", b'{"elicitation":{"url":{}},"sampling":{}}', "a client of \N{SNOWMAN}", "debug"),
    ],
)
def test_a_session_comes_back_as_it_was_written(session: McpSession):
    assert parse_session(render_session(session)) == session


def test_an_id_is_32_hex_digits_and_nothing_else():
    assert is_session_id("0123456789abcdef" * 2)
    for text in ("", "0" * 31, "0" * 33, "0" * 31 + "G", "A" * 32, "0" * 32 + "\n", "../" + "0" * 29, "٣" * 32):
        assert not is_session_id(text), text
