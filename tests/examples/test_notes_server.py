import asyncio
from collections.abc import Awaitable, Callable

import pytest
from mcp.client.client import Client
from mcp_types import CallToolResult, TextContent

from examples.notes_server import build_server

ERAS = ["legacy", "2026-07-28"]


def with_client(walk: Callable[[Client], Awaitable[None]], mode: str = "auto") -> None:
    async def run() -> None:
        async with Client(build_server(), mode=mode) as client:
            await walk(client)

    asyncio.run(run())


def said(result: CallToolResult) -> str:
    assert isinstance(result.content[0], TextContent)
    return result.content[0].text


@pytest.mark.parametrize("mode", ERAS)
def test_it_echoes_and_adds_in_both_eras(mode: str) -> None:
    async def walk(client: Client) -> None:
        assert said(await client.call_tool("echo", {"text": "grüß dich"})) == "grüß dich"
        assert said(await client.call_tool("add", {"a": 2, "b": -5})) == "-3"

    with_client(walk, mode)


@pytest.mark.parametrize("mode", ERAS)
def test_counting_reports_its_progress_at_every_number(mode: str) -> None:
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        del message
        seen.append((progress, total))

    async def walk(client: Client) -> None:
        result = await client.call_tool("count_slowly", {"to": 3, "pause": 0}, progress_callback=note)
        assert said(result) == "Counted to 3."

    with_client(walk, mode)
    assert seen == [(1, 3), (2, 3), (3, 3)]


def test_a_note_can_be_written_replaced_listed_and_read() -> None:
    async def walk(client: Client) -> None:
        await client.call_tool("write_note", {"name": "milk", "text": "one"})
        await client.call_tool("write_note", {"name": "milk", "text": "two"})
        assert said(await client.call_tool("read_note", {"name": "milk"})) == "two"
        assert (await client.call_tool("list_notes", {})).structured_content == {"result": ["milk"]}
        prompt = await client.get_prompt("sum_up", {"name": "milk"})
        assert isinstance(prompt.messages[0].content, TextContent)
        assert "two" in prompt.messages[0].content.text

    with_client(walk)


def test_a_note_that_is_not_there_is_an_error_that_names_it() -> None:
    async def walk(client: Client) -> None:
        result = await client.call_tool("read_note", {"name": "rent"})
        assert result.is_error
        assert "no note called rent" in said(result)

    with_client(walk)


def test_arguments_out_of_bounds_are_errors() -> None:
    async def walk(client: Client) -> None:
        for tool, arguments in [("write_note", {"name": "", "text": ""}), ("count_slowly", {"to": 101})]:
            assert (await client.call_tool(tool, arguments)).is_error

    with_client(walk)
