import asyncio
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp_types import TextContent

from soaks.servers import SoakedServer


@pytest.mark.parametrize(("era", "version"), [("legacy", "2025-11-25"), ("modern", "2026-07-28")])
def test_the_official_client_is_content_with_it(tmp_path: Path, era: str, version: str):
    async def walk(url: str) -> None:
        async with Client(url, mode="auto") as client:
            assert client.protocol_version == version
            assert [tool.name for tool in (await client.list_tools()).tools] == ["echo"]
            result = await client.call_tool("echo", {"nonce": "n-1"})
            assert isinstance(result.content[0], TextContent)
            assert result.content[0].text == "n-1"

    with SoakedServer("one", era, tmp_path) as server:
        asyncio.run(walk(server.url))
        assert server.reached() == {"n-1": 1}


def test_what_has_reached_it_is_known_after_it_was_killed_and_started_again(tmp_path: Path):
    async def call(url: str, nonce: str) -> None:
        async with Client(url, mode="auto") as client:
            await client.call_tool("echo", {"nonce": nonce})

    with SoakedServer("one", "modern", tmp_path) as server:
        asyncio.run(call(server.url, "before"))
        server.kill()
        server.start()
        asyncio.run(call(server.url, "after"))
        assert server.reached() == {"before": 1, "after": 1}
