"""The official client for Python, 2.x, in the mode that the run names, over HTTP or over stdio.

Over stdio, it speaks to a command that speaks to the gateway.
"""

from contextlib import AsyncExitStack
from typing import Any

import httpx2
import mcp_types as types
from mcp import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client

from tests.matrix.drivers.walk import Progress, Seen, main, names_on_all_pages, walk, wire

SECONDS = 30


async def fill_in(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"username": params.message, "email": "a@example.test"})


async def sample(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    heard = params.messages[0].content
    assert isinstance(heard, types.TextContent)
    return types.CreateMessageResult(
        role="assistant", model="none", content=types.TextContent(text=f"heard {heard.text}")
    )


class Official:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def names(self, kind: str) -> list[str]:
        lists = {
            "tools": self._client.list_tools,
            "prompts": self._client.list_prompts,
            "resources": self._client.list_resources,
        }
        return await names_on_all_pages(kind, lambda cursor: lists[kind](cursor=cursor))

    async def call(self, tool: str, arguments: dict[str, Any], progress: Progress | None) -> dict[str, Any]:
        return wire(await self._client.call_tool(tool, arguments, SECONDS, progress))

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        return wire(await self._client.get_prompt(name, arguments))

    async def read(self, uri: str) -> dict[str, Any]:
        return wire(await self._client.read_resource(uri))


async def run(one: dict[str, Any]) -> Seen:
    async with AsyncExitStack() as stack:
        if "command" in one:
            first, *others = one["command"]
            transport = stdio_client(StdioServerParameters(command=first, args=others, env=one["variables"]))
        else:
            bearer = {"Authorization": f"Bearer {one['token']}"}
            http = await stack.enter_async_context(httpx2.AsyncClient(headers=bearer, timeout=SECONDS))
            transport = streamable_http_client(one["url"], http_client=http)
        answers = Client(transport, mode=one["mode"], elicitation_callback=fill_in, sampling_callback=sample)
        client = await stack.enter_async_context(answers)
        return {"revision": client.protocol_version, "steps": await walk(Official(client), one["steps"])}


if __name__ == "__main__":
    main(run)
