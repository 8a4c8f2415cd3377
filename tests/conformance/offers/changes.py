"""What changes while clients look: lists that grow and shrink, for every client that listens, in either era."""

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import Prompt
from mcp.server.mcpserver.resources import FunctionResource

from tests.conformance.offers.sessions import Sessions

COMING = "test://comes-and-goes"


def comes_and_goes() -> str:
    """Is listed after every other change."""
    return "I am here."


def add_changes(server: MCPServer, sessions: Sessions) -> None:
    @server.tool()
    async def test_trigger_tool_change(context: Context) -> str:
        """Adds a tool, or takes it away again."""
        if comes_and_goes.__name__ in {tool.name for tool in await server.list_tools()}:
            server.remove_tool(comes_and_goes.__name__)
        else:
            server.add_tool(comes_and_goes)
        await context.notify_tools_changed()
        await sessions.tools_changed()
        return "The tools have changed."

    @server.tool()
    async def test_trigger_prompt_change(context: Context) -> str:
        """Adds a prompt, or takes it away again."""
        if comes_and_goes.__name__ in {prompt.name for prompt in await server.list_prompts()}:
            server.remove_prompt(comes_and_goes.__name__)
        else:
            server.add_prompt(Prompt.from_function(comes_and_goes))
        await context.notify_prompts_changed()
        await sessions.prompts_changed()
        return "The prompts have changed."

    @server.tool()
    async def test_trigger_resource_change(context: Context) -> str:
        """Adds a resource, or takes it away again."""
        # The package can add a resource but offers no way to take it away.
        if server._resource_manager._resources.pop(COMING, None) is None:
            server.add_resource(FunctionResource.from_function(comes_and_goes, COMING))
        await context.notify_resources_changed()
        await sessions.resources_changed()
        return "The resources have changed."
