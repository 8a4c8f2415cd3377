"""Resources: text, bytes, a template, and one that changes for who has subscribed to it."""

import base64
import json

from mcp.server.mcpserver import Context, MCPServer

from tests.conformance.offers.contents import PNG
from tests.conformance.offers.sessions import Sessions

WATCHED = "test://watched-resource"


def add_resources(server: MCPServer, sessions: Sessions) -> None:
    versions = 1

    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """Some text."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """An image."""
        return base64.b64decode(PNG)

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def templated(id: str) -> str:
        """What is known of an id."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.resource(WATCHED, mime_type="text/plain")
    def watched() -> str:
        """Text that changes."""
        return f"Version {versions}"

    @server.tool()
    async def test_trigger_resource_update(context: Context) -> str:
        """Changes the watched resource."""
        nonlocal versions
        versions += 1
        await context.notify_resource_updated(WATCHED)
        await sessions.resource_updated(WATCHED)
        return f"Version {versions}"
