"""The client of FastMCP 4, in an environment of its own."""

# pyright: reportMissingImports=false
# This project's environment does not have it.

from typing import Any

from fastmcp import Client

from tests.matrix.drivers.walk import Progress, Seen, main, walk, wire


async def fill_in(message: str, *_: Any) -> dict[str, str]:
    return {"username": message, "email": "a@example.test"}


async def sample(messages: list[Any], *_: Any) -> str:
    return f"heard {messages[0].content.text}"


class Fast:
    def __init__(self, client: Client) -> None:
        self._client = client

    async def names(self, kind: str) -> list[str]:
        match kind:
            case "tools":
                return [tool.name for tool in await self._client.list_tools()]
            case "prompts":
                return [prompt.name for prompt in await self._client.list_prompts()]
            case _:
                return [str(resource.uri) for resource in await self._client.list_resources()]

    async def call(self, tool: str, arguments: dict[str, Any], progress: Progress | None) -> dict[str, Any]:
        return wire(await self._client.call_tool_mcp(tool, arguments, progress_handler=progress))

    async def prompt(self, name: str, arguments: dict[str, str]) -> dict[str, Any]:
        return wire(await self._client.get_prompt_mcp(name, arguments))

    async def read(self, uri: str) -> dict[str, Any]:
        return wire(await self._client.read_resource_mcp(uri))


async def run(one: dict[str, Any]) -> Seen:
    answers = {"elicitation_handler": fill_in, "sampling_handler": sample}
    async with Client(one["url"], auth=one["token"], **answers) as client:
        return {"revision": client.protocol_version, "steps": await walk(Fast(client), one["steps"])}


if __name__ == "__main__":
    main(run)
