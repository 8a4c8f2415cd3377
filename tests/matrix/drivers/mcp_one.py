"""The official client for Python before 2.0, in an environment of its own."""

# pyright: reportAttributeAccessIssue=false, reportArgumentType=false, reportCallIssue=false
# The checks above see the version that this project has, and this is for the one before it.

import asyncio
from contextlib import AsyncExitStack
from typing import Any

from mcp import ClientSession, types
from mcp.client.streamable_http import streamablehttp_client

from tests.matrix.drivers.walk import Progress, Seen, main, names_on_all_pages, walk, wire


async def fill_in(context: Any, params: types.ElicitRequestParams) -> types.ElicitResult:
    return types.ElicitResult(action="accept", content={"username": params.message, "email": "a@example.test"})


async def sample(context: Any, params: types.CreateMessageRequestParams) -> types.CreateMessageResult:
    content = types.TextContent(type="text", text=f"heard {params.messages[0].content.text}")
    return types.CreateMessageResult(role="assistant", model="none", content=content)


class First:
    def __init__(self, session: ClientSession) -> None:
        self._session = session

    async def names(self, kind: str) -> list[str]:
        lists = {
            "tools": self._session.list_tools,
            "prompts": self._session.list_prompts,
            "resources": self._session.list_resources,
        }
        return await names_on_all_pages(
            kind, lambda cursor: lists[kind](params=types.PaginatedRequestParams(cursor=cursor))
        )

    async def call(self, tool: str, arguments: dict[str, Any], progress: Progress | None) -> dict[str, Any]:
        request_id = self._session._request_id
        try:
            return wire(await self._session.call_tool(tool, arguments, progress_callback=progress))
        except asyncio.CancelledError:
            # This client leaves it to its user to tell the server.
            params = types.CancelledNotificationParams(requestId=request_id, reason="not wanted any more")
            await self._session.send_notification(types.ClientNotification(types.CancelledNotification(params=params)))
            raise

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        return wire(await self._session.get_prompt(name, arguments))

    async def read(self, uri: str) -> dict[str, Any]:
        return wire(await self._session.read_resource(uri))


async def run(one: dict[str, Any]) -> Seen:
    async with AsyncExitStack() as stack:
        bearer = {"Authorization": f"Bearer {one['token']}"}
        read, write, _ = await stack.enter_async_context(streamablehttp_client(one["url"], bearer))
        opening = ClientSession(read, write, elicitation_callback=fill_in, sampling_callback=sample)
        session = await stack.enter_async_context(opening)
        opened = await session.initialize()
        return {"revision": opened.protocolVersion, "steps": await walk(First(session), one["steps"])}


if __name__ == "__main__":
    main(run)
