"""MCP on the wire, pure: no I/O, no clock, no settings."""
