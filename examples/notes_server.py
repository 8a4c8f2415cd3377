"""An MCP server to try things with: echo, add, count slowly, notes.

    python -m examples.notes_server --port 9001        serves http://127.0.0.1:9001/mcp

Written with the official `mcp` package as its documentation shows it; speaks both eras of the protocol. Notes live in
memory and end with the process.
"""

import argparse
import asyncio
from typing import Annotated

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from pydantic import Field

from examples.serving import HOST, server_for

MOST_NOTES = 1_000

Name = Annotated[str, Field(min_length=1, max_length=80, description="What the note is called")]
Text = Annotated[str, Field(max_length=10_000, description="What the note says")]
Count = Annotated[int, Field(ge=1, le=100, description="How far to count")]
Pause = Annotated[float, Field(ge=0, le=10, description="Seconds between two numbers")]


def build_server() -> MCPServer:
    """A server of its own, with no notes in it."""
    server = MCPServer(
        "stoa-example",
        version="1.0.0",
        instructions="Echoes, adds, counts slowly and keeps notes. Made for trying out a gateway.",
        log_level="WARNING",
    )
    add_arithmetic(server)
    add_notes(server, {})
    return server


def add_arithmetic(server: MCPServer) -> None:
    @server.tool()
    def echo(text: str) -> str:
        """Say the same again."""
        return text

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two whole numbers."""
        return a + b

    @server.tool()
    async def count_slowly(to: Count, context: Context, pause: Pause = 0.2) -> str:
        """Count from 1 up, reporting progress at every number."""
        for number in range(1, to + 1):
            await asyncio.sleep(pause)  # being slow is what this tool is for
            await context.report_progress(number, to, f"{number} of {to}")
        return f"Counted to {to}."


def add_notes(server: MCPServer, notes: dict[str, str]) -> None:
    @server.tool()
    def write_note(name: Name, text: Text) -> str:
        """Keep a note; one of the same name is replaced."""
        if name not in notes and len(notes) >= MOST_NOTES:
            raise ToolError(f"There is room for {MOST_NOTES} notes, and all of it is taken.")
        notes[name] = text
        return f"Kept {name}."

    @server.tool()
    def read_note(name: Name) -> str:
        """Read a note by its name."""
        if name not in notes:
            raise ToolError(f"There is no note called {name}.")
        return notes[name]

    @server.tool()
    def list_notes() -> list[str]:
        """The names of all notes, in alphabetical order."""
        return sorted(notes)

    @server.resource("note://{name}", mime_type="text/plain")
    def note(name: str) -> str:
        """One note."""
        return notes.get(name, "")

    @server.prompt()
    def sum_up(name: str) -> str:
        """Ask for a note in one sentence."""
        return f"Say in one sentence what this note says:\n\n{notes.get(name, '')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    asyncio.run(server_for(build_server().streamable_http_app(host=HOST), port).serve())


if __name__ == "__main__":
    main()
