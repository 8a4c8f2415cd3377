import asyncio
import http.client
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

import pytest
from mcp.client.client import Client
from mcp_types import TextContent

Start = Callable[[str], str]


@pytest.mark.parametrize(
    ("era", "mode", "version"),
    [
        ("legacy", "auto", "2025-11-25"),
        ("legacy", "legacy", "2025-11-25"),
        ("modern", "auto", "2026-07-28"),
        ("modern", "2026-07-28", "2026-07-28"),
    ],
)
def test_the_official_client_is_content_with_it(start_upstream: Start, era: str, mode: str, version: str) -> None:
    async def walk() -> None:
        async with Client(start_upstream(era), mode=mode) as client:
            assert client.protocol_version == version
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            result = await client.call_tool("echo", {"text": 'say "ü" and \\'})
            assert isinstance(result.content[0], TextContent)
            assert result.content[0].text == 'say "ü" and \\'

    asyncio.run(walk())


def test_requests_that_arrive_in_pieces_or_together_are_each_answered(start_upstream: Start) -> None:
    parts = urlsplit(start_upstream("legacy"))
    body = b'{"jsonrpc":"2.0","id":7,"method":"ping"}'
    request = b"POST /mcp HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: %d\r\n\r\n%s" % (len(body), body)
    with socket.create_connection((parts.hostname, parts.port), timeout=10) as connection:
        connection.sendall(request[:20])
        connection.sendall(request[20:] + request + request)
        seen = b""
        while seen.count(b'"id":7,"result":{}') < 3:
            seen += connection.recv(65536) or pytest.fail(f"closed after {seen!r}")


def test_what_is_no_post_is_refused(start_upstream: Start) -> None:
    parts = urlsplit(start_upstream("modern"))
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    connection.request("GET", "/mcp")
    assert connection.getresponse().status == 405
    connection.close()
