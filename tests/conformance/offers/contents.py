"""Tools that answer at once, each with another kind of content, and two whose schemas are hard to pass on."""

from typing import Annotated, Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.mcpserver.tools import Tool
from mcp_types import AudioContent, ContentBlock, EmbeddedResource, ImageContent, TextContent, TextResourceContents
from pydantic import Field

# One red pixel, and no sound at all.
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=="
WAV = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA="

# Keywords of JSON Schema 2020-12 that a schema loses when it is parsed and written anew by anything that knows fewer.
ADDRESS = {
    "$anchor": "addressDef",
    "type": "object",
    "properties": {"street": {"type": "string"}, "city": {"type": "string"}},
}
CONTACT: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": ADDRESS},
    "properties": {
        "name": {"type": "string"},
        "address": {"$ref": "#/$defs/address"},
        "contactMethod": {"type": "string", "enum": ["phone", "email"]},
        "phone": {"type": "string"},
        "email": {"type": "string"},
    },
    "allOf": [{"anyOf": [{"required": ["phone"]}, {"required": ["email"]}]}],
    "if": {"properties": {"contactMethod": {"const": "phone"}}, "required": ["contactMethod"]},
    "then": {"required": ["phone"]},
    "else": {"required": ["email"]},
    "additionalProperties": False,
}

Region = Annotated[str, Field(json_schema_extra={"x-mcp-header": "Region"})]


def image() -> ImageContent:
    return ImageContent(data=PNG, mime_type="image/png")


def embedded(uri: str, text: str, mime_type: str = "text/plain") -> EmbeddedResource:
    return EmbeddedResource(resource=TextResourceContents(uri=uri, mime_type=mime_type, text=text))


def add_contents(server: MCPServer) -> None:
    @server.tool()
    def test_simple_text() -> str:
        """Answers with text."""
        return "This is a simple text response for testing."

    @server.tool()
    def test_image_content() -> list[ContentBlock]:
        """Answers with an image."""
        return [image()]

    @server.tool()
    def test_audio_content() -> list[ContentBlock]:
        """Answers with a sound."""
        return [AudioContent(data=WAV, mime_type="audio/wav")]

    @server.tool()
    def test_embedded_resource() -> list[ContentBlock]:
        """Answers with a resource."""
        return [embedded("test://embedded-resource", "This is an embedded resource content.")]

    @server.tool()
    def test_multiple_content_types() -> list[ContentBlock]:
        """Answers with text, an image and a resource."""
        text = TextContent(text="Multiple content types test:")
        return [text, image(), embedded("test://mixed-content-resource", '{"value": 123}', "application/json")]

    @server.tool()
    def test_error_handling() -> str:
        """Fails."""
        raise ToolError("This tool intentionally returns an error for testing")

    @server.tool()
    def test_x_mcp_header(region: Region) -> str:
        """Takes an argument that stands in a header too."""
        return f"The region is {region}"


def contact() -> Tool:
    """The tool whose schema is CONTACT, which no signature could yield."""

    def json_schema_2020_12_tool(name: str = "", phone: str = "", email: str = "") -> str:
        """Takes what a schema with conditions allows."""
        return f"{name} can be reached at {phone or email}"

    return Tool.from_function(json_schema_2020_12_tool).model_copy(update={"parameters": CONTACT})
