"""Reading a URL and the headers configured for it."""

import pytest

from upstream.faults import UpstreamFault
from upstream.target import Place, parse_url, render_headers


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://mcp.example.com/mcp", Place(True, "mcp.example.com", 443, "mcp.example.com", "/mcp")),
        ("HTTPS://MCP.Example.COM", Place(True, "mcp.example.com", 443, "mcp.example.com", "/")),
        ("https://mcp.example.com:443/", Place(True, "mcp.example.com", 443, "mcp.example.com", "/")),
        ("http://mcp.example.com:8443/a?b=c", Place(False, "mcp.example.com", 8443, "mcp.example.com:8443", "/a?b=c")),
        ("https://mcp.example.com?key=1", Place(True, "mcp.example.com", 443, "mcp.example.com", "/?key=1")),
        ("https://mcp.example.com./mcp", Place(True, "mcp.example.com", 443, "mcp.example.com", "/mcp")),
        ("http://127.0.0.1:9/mcp", Place(False, "127.0.0.1", 9, "127.0.0.1:9", "/mcp")),
        ("http://[2001:DB8::1]:9/", Place(False, "2001:db8::1", 9, "[2001:db8::1]:9", "/")),
        ("https://xn--hhe-sna.example/mcp", Place(True, "xn--hhe-sna.example", 443, "xn--hhe-sna.example", "/mcp")),
        ("http://mcp_server:80/mcp", Place(False, "mcp_server", 80, "mcp_server", "/mcp")),
    ],
)
def test_a_plain_url_is_taken_apart(url: str, place: Place) -> None:
    assert parse_url(url) == place


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mcp.example.com/mcp", "not a URL"),
        ("https://höhe.example/", "plain ASCII"),
        ("https://user:secret@example.com/", "not a URL"),
        ("https://example.com/#fragment", "not a URL"),
        ("https://example.com:99999/", "port"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("https://[1::2::3]/", "IPv6"),
        ("https://-a.example/", "host name"),
    ],
)
def test_a_refused_url_says_what_is_wrong_without_repeating_it(url: str, sentence: str) -> None:
    with pytest.raises(UpstreamFault, match=sentence) as raised:
        parse_url(url)
    assert raised.value.code == "address_refused"
    assert "secret" not in raised.value.sentence


def test_headers_are_rendered_once_and_trimmed() -> None:
    assert render_headers((("Authorization", " Bearer x "), ("X-Key", "é"))) == (
        b"Authorization: Bearer x\r\nX-Key: \xe9\r\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", "x"),
        ("content-length", "0"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "close"),
        ("Mcp-Session-Id", "x"),
        ("MCP-Protocol-Version", "x"),
        ("Accept", "text/html"),
        ("", "x"),
        ("X Y", "x"),
        ("X:", "x"),
        ("X\r\nY", "x"),
        ("X", "a\r\nHost: evil"),
        ("X", "a\nb"),
        ("X", "a\x00b"),
        ("X", "☃"),
        ("X", "a" * 70_000),
    ],
)
def test_a_header_that_could_change_the_request_is_refused(name: str, value: str) -> None:
    with pytest.raises(UpstreamFault) as raised:
        render_headers(((name, value),))
    assert raised.value.code == "unauthorized"
    assert "evil" not in raised.value.sentence
