"""What changes while clients look: lists that grow and shrink, and what a legacy client subscribes to.

Rule: listen streams hear of every change; a legacy session hears of those that it caused itself.
"""

from typing import Any

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import Prompt
from mcp_types import EmptyResult, SetLevelRequestParams, SubscribeRequestParams, UnsubscribeRequestParams


def comes_and_goes() -> str:
    """Is listed after every other change."""
    return "I am here."


def add_changes(server: MCPServer) -> None:
    @server.tool()
    async def test_trigger_tool_change(context: Context) -> str:
        """Adds a tool, or takes it away again."""
        if comes_and_goes.__name__ in {tool.name for tool in await server.list_tools()}:
            server.remove_tool(comes_and_goes.__name__)
        else:
            server.add_tool(comes_and_goes)
        await context.notify_tools_changed()
        if context.session.can_send_request:
            await context.session.send_tool_list_changed()
        return "The tools have changed."

    @server.tool()
    async def test_trigger_prompt_change(context: Context) -> str:
        """Adds a prompt, or takes it away again."""
        if comes_and_goes.__name__ in {prompt.name for prompt in await server.list_prompts()}:
            server.remove_prompt(comes_and_goes.__name__)
        else:
            server.add_prompt(Prompt.from_function(comes_and_goes))
        await context.notify_prompts_changed()
        if context.session.can_send_request:
            await context.session.send_prompt_list_changed()
        return "The prompts have changed."


def add_legacy_methods(server: MCPServer) -> None:
    """What 2026-07-28 has removed and the package no longer offers a decorator for: it is acknowledged."""

    async def acknowledge(*_: Any) -> EmptyResult:
        return EmptyResult()

    lower = server._lowlevel_server
    lower.add_request_handler("logging/setLevel", SetLevelRequestParams, acknowledge)
    lower.add_request_handler("resources/subscribe", SubscribeRequestParams, acknowledge)
    lower.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, acknowledge)
