import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from mcp.client.client import Client
from mcp.shared.exceptions import MCPError

from local import ROOT
from local.ports import HOST, answers, free_port
from tests.real.processes import children_of
from tests.waiting import until


@dataclass(frozen=True, slots=True)
class Front:
    process: subprocess.Popen[bytes]
    url: str

    def behind(self) -> int:
        """The pid of the server behind the front."""
        return children_of(self.process.pid)[0]


@pytest.fixture
def front() -> Iterator[Front]:
    port = free_port()
    command = [sys.executable, "-m", "examples.stdio_front", "--port", str(port), "--"]
    with subprocess.Popen([*command, sys.executable, "-m", "mcp_server_time"], cwd=ROOT) as process:
        until(lambda: answers(port), seconds=30)
        yield Front(process, f"http://{HOST}:{port}/mcp")
        process.terminate()


@pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])
def test_the_tools_behind_it_are_listed_and_called_in_both_eras(front: Front, mode: str) -> None:
    async def walk() -> None:
        async with Client(front.url, mode=mode) as client:
            tools = await client.list_tools()
            assert [tool.name for tool in tools.tools] == ["get_current_time", "convert_time"]
            good = await client.call_tool("get_current_time", {"timezone": "Europe/Berlin"})
            assert good.structured_content
            assert good.structured_content["timezone"] == "Europe/Berlin"
            assert (await client.call_tool("get_current_time", {"timezone": "Nowhere"})).is_error

    asyncio.run(walk())


def test_it_ends_when_the_server_behind_it_has_ended(front: Front) -> None:
    async def call() -> None:
        async with Client(front.url, mode="2026-07-28") as client:
            await client.call_tool("get_current_time", {"timezone": "UTC"})

    os.kill(front.behind(), signal.SIGKILL)
    with pytest.raises((MCPError, ExceptionGroup)):
        asyncio.run(call())
    assert front.process.wait(timeout=15) == 1


def test_when_it_is_told_to_stop_the_server_behind_it_ends_too(front: Front) -> None:
    behind = front.behind()
    front.process.terminate()
    front.process.wait(timeout=15)
    until(lambda: not Path(f"/proc/{behind}").exists())
