"""Merges what several servers offer into one list and one routing table.

Rule: pure, and the same for the same servers: order is that of the servers, then each server's own. A definition
passes byte for byte but for its name. Of two tools or prompts that would share a name the later is renamed by its
hash; of two resources with one URI the earlier server's is offered, since a URI cannot be renamed. Of templates all
are listed, and no more of a server's stand for URIs than can be looked through.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256

import msgspec
from msgspec import MsgspecError, Raw

from gateway.directory.snapshots import Server
from gateway.protocol.envelopes import render_tool
from gateway.protocol.jsonrpc import Members, decode_members, decode_string, encode
from gateway.protocol.methods import Kind
from gateway.protocol.names import render_name, shorten
from gateway.protocol.param_headers import ANNOTATION, InvalidAnnotation, ParamHeader, read_param_headers
from gateway.protocol.templates import Template
from upstream.eras import Era

# Of each server: a URI that nobody lists is held against all of them.
MAX_TEMPLATES = 500
# Long enough that most clients never see a second page, short enough for one that reads page by page.
PAGE_ITEMS = 500


@dataclass(frozen=True, slots=True)
class Route:
    """Where a name or URI leads: the server, what the server itself calls it, and what it wants in headers."""

    server: Server
    name: str
    param_headers: tuple[ParamHeader, ...] = ()


@dataclass(frozen=True, slots=True)
class Merged:
    """`routes` by what is offered; `pages` are the JSON arrays of each era; `fingerprint` tells two lists apart.

    `templates`: what the URIs look like that a template stands for, and whose they are.
    """

    routes: dict[str, Route]
    pages: dict[Era, tuple[bytes, ...]]
    fingerprint: str
    templates: tuple[tuple[Template, Server], ...] = ()

    def find(self, name: str) -> Route | None:
        """The route of a name, of a URI, or of a URI that a template describes."""
        found = self.routes.get(name)
        if found is not None:
            return found
        return next((Route(server, name) for template, server in self.templates if template.fits(name)), None)


def merge(kind: Kind, lists: Sequence[tuple[Server, Sequence[bytes]]]) -> Merged:
    """`lists`: each server with its items as it sent them. What is no item, or is offered twice, is left out."""
    routes: dict[str, Route] = {}
    rendered: dict[Era, list[bytes]] = {Era.LEGACY: [], Era.MODERN: []}
    for server, items in lists:
        seen: set[str] = set()
        for raw in items:
            found = _read_item(kind, raw)
            if found is None or found[1] in seen:
                continue
            item, own_name, param_headers = found
            seen.add(own_name)
            name = _offered_name(kind, server, own_name, routes)
            if name in routes:
                continue
            routes[name] = Route(server, own_name, param_headers)
            for era, definitions in rendered.items():
                definition = _render(kind, item, raw, name, era)
                if definition is not None:
                    definitions.append(definition)
    return Merged(
        routes,
        {era: _pages(definitions) for era, definitions in rendered.items()},
        sha256(b"\n".join(rendered[Era.MODERN])).hexdigest()[:16],
        tuple(_templates(routes)) if kind is Kind.TEMPLATES else (),
    )


def _templates(routes: dict[str, Route]) -> Iterator[tuple[Template, Server]]:
    """Those that stand for URIs; what a server offers beyond them is listed all the same."""
    taken: Counter[str] = Counter()
    for name, route in routes.items():
        template = Template.parse(name) if taken[route.server.id] < MAX_TEMPLATES else None
        if template is not None:
            taken[route.server.id] += 1
            yield template, route.server


def _read_item(kind: Kind, raw: bytes) -> tuple[Members, str, tuple[ParamHeader, ...]] | None:
    try:
        item = decode_members(raw)
        name = decode_string(item[kind.value.key])
        if kind is not Kind.TOOLS:
            return (item, name, ()) if name else None
        schema = item["inputSchema"]
        # Nearly no tool has one, and most schemas need not be read for that.
        annotated = ANNOTATION.encode() in bytes(schema)
        param_headers = read_param_headers(msgspec.json.decode(schema)) if annotated else ()
    except (KeyError, MsgspecError, RecursionError, InvalidAnnotation):
        return None
    return (item, name, param_headers) if name else None


def _offered_name(kind: Kind, server: Server, own_name: str, routes: dict[str, Route]) -> str:
    if kind.value.key != "name":
        return own_name
    name = render_name(server.prefix, own_name)
    return shorten(name, f"{server.id}/{own_name}") if name in routes else name


def _render(kind: Kind, item: Members, raw: bytes, name: str, era: Era) -> bytes | None:
    if kind is Kind.TOOLS:
        return render_tool(item, name=name, client=era)
    if kind is Kind.PROMPTS:
        return encode({**item, "name": Raw(encode(name))})
    return raw


def _pages(definitions: list[bytes]) -> tuple[bytes, ...]:
    starts = range(0, len(definitions), PAGE_ITEMS) or (0,)
    return tuple(b"[" + b",".join(definitions[start : start + PAGE_ITEMS]) + b"]" for start in starts)
