"""Client configurations: what to paste where, for each client.

Rule: pure text, in the shape that the client really takes; a token that is in it is shown with it, once. The name
of the entry is the slug, or a shorter one where the slug and a tool's name together would be longer than clients
take.
"""

import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

# Claude Code puts `mcp__<entry>__` in front of a tool's name of up to 40 characters, and breaks above 64.
KEY_LENGTH = 64 - 40 - len("mcp____")
_HASH_LENGTH = 4


@dataclass(frozen=True, slots=True)
class ClientConfiguration:
    """`place` says where the text goes; `language` is json or shell."""

    name: str
    title: str
    place: str
    language: str
    text: str = field(repr=False)


def key_for(slug: str) -> str:
    """The name of the entry in a client's configuration; always the same for the same slug."""
    if len(slug) <= KEY_LENGTH:
        return slug
    digest = sha256(slug.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{slug[: KEY_LENGTH - _HASH_LENGTH - 1].rstrip('-')}-{digest}"


def is_shortened(slug: str) -> bool:
    """Whether the page must say that the entry is not named after the slug."""
    return key_for(slug) != slug


def render_url(gateway_url: str, slug: str) -> str:
    return f"{gateway_url}/ws/{slug}"


def mcp_json(gateway_url: str, slug: str, token: str) -> dict[str, Any]:
    """The configuration that most clients take."""
    return {"mcpServers": {key_for(slug): _entry(gateway_url, slug, token)}}


def render_configurations(gateway_url: str, slug: str, token: str) -> list[ClientConfiguration]:
    """One for each client, the most general one first."""
    key, url = key_for(slug), render_url(gateway_url, slug)
    authorization = f"Authorization: Bearer {token}"
    return [
        _json("mcp_json", "mcp.json", "Any client that reads mcpServers", mcp_json(gateway_url, slug, token)),
        ClientConfiguration(
            "claude_code",
            "Claude Code",
            "Run in a terminal",
            "shell",
            f'claude mcp add --transport http {key} {url} --header "{authorization}"',
        ),
        _json("claude_desktop", "Claude Desktop", "claude_desktop_config.json", _claude_desktop(key, url, token)),
        _json("cursor", "Cursor", ".cursor/mcp.json", mcp_json(gateway_url, slug, token)),
        _json("vscode", "VS Code", ".vscode/mcp.json; VS Code asks for the token once", _vscode(key, url)),
        ClientConfiguration(
            "codex",
            "Codex",
            "Run in a terminal; Codex reads the token from the variable",
            "shell",
            f"export MWT_TOKEN={token}\ncodex mcp add {key} --url {url} --bearer-token-env-var MWT_TOKEN",
        ),
        ClientConfiguration("curl", "curl", "Run in a terminal: lists the tools", "shell", curl(url, token)),
    ]


def curl(url: str, token: str) -> str:
    """A line that lists the workspace's tools when pasted (MCP 2026-07-28 basic/transports)."""
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {"_meta": meta}}
    headers = (
        f"Authorization: Bearer {token}",
        "Content-Type: application/json",
        "Accept: application/json, text/event-stream",
        "MCP-Protocol-Version: 2026-07-28",
        "Mcp-Method: tools/list",
    )
    flags = " ".join(f"-H '{header}'" for header in headers)
    return f"curl -sS {url} {flags} -d '{json.dumps(body, separators=(',', ':'))}'"


def _entry(gateway_url: str, slug: str, token: str) -> dict[str, Any]:
    return {"url": render_url(gateway_url, slug), "headers": {"Authorization": f"Bearer {token}"}}


def _claude_desktop(key: str, url: str, token: str) -> dict[str, Any]:
    # It starts programs only. No space after the colon: some systems split arguments there (mcp-remote, README).
    arguments = ["-y", "mcp-remote", url, "--transport", "http-only", "--header", f"Authorization:Bearer {token}"]
    return {"mcpServers": {key: {"command": "npx", "args": arguments}}}


def _vscode(key: str, url: str) -> dict[str, Any]:
    question = {"id": "mwt", "type": "promptString", "password": True, "description": "Token for this workspace"}
    entry = {"type": "http", "url": url, "headers": {"Authorization": "Bearer ${input:mwt}"}}
    return {"inputs": [question], "servers": {key: entry}}


def _json(name: str, title: str, place: str, value: dict[str, Any]) -> ClientConfiguration:
    return ClientConfiguration(name, title, place, "json", json.dumps(value, indent=2))
