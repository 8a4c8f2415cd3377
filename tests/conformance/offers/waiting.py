"""A tool that takes as long as its caller likes, and one that tells whether the caller gave it up."""

import asyncio

from mcp.server.mcpserver import Context, MCPServer

LONGEST = 60.0  # no test waits for it: it ends what a failed one has left behind


def add_waiting(server: MCPServer) -> None:
    given_up: set[str] = set()

    @server.tool()
    async def test_wait(nonce: str, context: Context) -> str:
        """Waits until its caller gives it up."""
        await context.report_progress(0, 1, "waiting")
        try:
            await asyncio.sleep(LONGEST)
        except asyncio.CancelledError:
            given_up.add(nonce)
            raise
        return "Nobody gave me up."

    @server.tool()
    def test_was_given_up(nonce: str) -> bool:
        """Tells whether the call with this nonce was given up by its caller."""
        return nonce in given_up
