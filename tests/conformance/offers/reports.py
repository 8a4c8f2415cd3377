"""Tools that report on the stream of their call before they answer: progress and log messages."""

import asyncio

from mcp.server.mcpserver import Context, MCPServer

from tests.conformance.offers.sessions import LEVELS, log

# Between two reports: whoever holds them back until the answer is seen to.
PAUSE = 0.05


def add_reports(server: MCPServer) -> None:
    @server.tool()
    async def test_tool_with_progress(context: Context) -> str:
        """Tells three times how far it is."""
        for done in (0, 50, 100):
            await context.report_progress(done, 100, f"{done} of 100")
            await asyncio.sleep(PAUSE)
        return "Went from 0 to 100."

    @server.tool()
    async def test_tool_with_logging(context: Context) -> str:
        """Logs three messages."""
        for message in ("started", "processing", "completed"):
            await log(context, "info", f"Tool execution {message}")
            await asyncio.sleep(PAUSE)
        return "Logged three messages."

    @server.tool()
    async def test_logging_tool(context: Context) -> str:
        """Logs one message, which reaches only who asked for it."""
        await log(context, "info", "One message")
        return "Logged one message."

    @server.tool()
    async def test_every_log_level(context: Context) -> str:
        """Logs one message of each level, the least severe first."""
        for level in LEVELS:
            await log(context, level, f"This is {level}")
        return f"Logged {len(LEVELS)} messages."
