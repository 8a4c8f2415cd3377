"""Merges the tools of several servers into one list and one routing table.

Rule: pure, and the same for the same servers: order is that of the servers, then each server's own. A definition
passes byte for byte but for its name; of two tools that would share a name the later is renamed by its hash.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import MsgspecError

from gateway.directory.snapshots import Server
from gateway.protocol.envelopes import render_tool
from gateway.protocol.jsonrpc import Members, decode_members, decode_string
from gateway.protocol.names import render_name, shorten
from upstream.eras import Era


@dataclass(frozen=True, slots=True)
class Route:
    """Where a tool's calls go: the server, and the name by which the server knows the tool."""

    server: Server
    tool: str


@dataclass(frozen=True, slots=True)
class Merged:
    """`routes` by offered name; `tools` is the JSON array of definitions for each era."""

    routes: dict[str, Route]
    tools: dict[Era, bytes]


def merge(lists: Sequence[tuple[Server, Sequence[bytes]]]) -> Merged:
    """`lists`: each server with its tools as it sent them. What is no tool, or is offered twice, is left out."""
    routes: dict[str, Route] = {}
    rendered: dict[Era, list[bytes]] = {Era.LEGACY: [], Era.MODERN: []}
    for server, tools in lists:
        seen: set[str] = set()
        for raw in tools:
            found = _read_tool(raw)
            if found is None or found[1] in seen:
                continue
            tool, own_name = found
            seen.add(own_name)
            name = render_name(server.prefix, own_name)
            if name in routes:
                name = shorten(name, f"{server.id}/{own_name}")
            routes[name] = Route(server, own_name)
            for era, definitions in rendered.items():
                definition = render_tool(tool, name=name, client=era)
                if definition is not None:
                    definitions.append(definition)
    return Merged(routes, {era: b"[" + b",".join(definitions) + b"]" for era, definitions in rendered.items()})


def _read_tool(raw: bytes) -> tuple[Members, str] | None:
    try:
        tool = decode_members(raw)
        name = decode_string(tool["name"])
    except (KeyError, MsgspecError, RecursionError):
        return None
    return (tool, name) if name and "inputSchema" in tool else None
