"""Puts an MCP server that speaks over stdio behind an HTTP address.

    python -m examples.stdio_front --port 9002 -- mcp-server-time      serves http://127.0.0.1:9002/mcp

One process of the server serves all callers, in both eras of the protocol; only its tools are passed on. When that
process ends, so does this one, so that whoever started it can start it again.
"""

import argparse
import asyncio
import os
import sys

from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import MCPError
from mcp_types import (
    CONNECTION_CLOSED,
    CallToolRequestParams,
    CallToolResult,
    ListToolsResult,
    PaginatedRequestParams,
)

from examples.serving import HOST, server_for


def front_of(behind: Client, closed: asyncio.Event) -> Server:
    """A server that answers with what `behind` answers, and sets `closed` when nobody is there any more."""

    async def list_tools(_: ServerRequestContext, params: PaginatedRequestParams | None) -> ListToolsResult:
        try:
            return await behind.list_tools(cursor=params.cursor if params else None)
        except MCPError as error:
            _note_the_end(error, closed)
            raise

    async def call_tool(_: ServerRequestContext, params: CallToolRequestParams) -> CallToolResult:
        try:
            return await behind.call_tool(params.name, params.arguments or {})
        except MCPError as error:
            _note_the_end(error, closed)
            raise

    about = behind.server_info
    return Server(
        about.name if about else "stdio-front",
        version=about.version if about else "",
        instructions=behind.instructions,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
    )


def _note_the_end(error: MCPError, closed: asyncio.Event) -> None:
    if error.error.code == CONNECTION_CLOSED:
        closed.set()


async def serve(command: list[str], port: int) -> bool:
    """Serve until told to stop (True) or until the server behind has ended (False)."""
    # The server keeps our environment, so that it runs with the same settings and is recognisable as ours.
    parameters = StdioServerParameters(command=command[0], args=command[1:], env=dict(os.environ))
    closed = asyncio.Event()
    async with Client(stdio_client(parameters)) as behind:
        http = server_for(front_of(behind, closed).streamable_http_app(host=HOST), port)

        async def stop_when_closed() -> None:
            await closed.wait()
            http.should_exit = True

        watch = asyncio.create_task(stop_when_closed())
        await http.serve()
        watch.cancel()
    return not closed.is_set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("command", nargs="+", help="the stdio server and its arguments, after --")
    arguments = parser.parse_args()
    return 0 if asyncio.run(serve(arguments.command, arguments.port)) else 1


if __name__ == "__main__":
    sys.exit(main())
