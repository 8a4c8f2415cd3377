"""Example MCP servers, to have something behind the gateway at once."""
