"""Arguments mirrored in headers: `x-mcp-header` in a tool's schema.

Rule: a client drops a tool whose annotations are not valid; a server refuses a header that is not what the body says
(MCP 2026-07-28 basic/transports, §Custom Headers). Pure.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from gateway.protocol.headers import RawHeaders, decode_value, mismatch

ANNOTATION = "x-mcp-header"
PREFIX = b"mcp-param-"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_DECIMAL = re.compile(r"(-?[0-9]+)(?:\.0+)?")
_TYPES = ("string", "integer", "boolean")

# Where JSON Schema 2020-12 has schemas inside schemas, by the shape of the keyword's value. An annotation counts only
# where nothing but `properties` leads to it.
_ONE = (
    "items contains unevaluatedItems additionalProperties propertyNames unevaluatedProperties not if then else "
    "contentSchema".split()
)
_LIST = "allOf anyOf oneOf prefixItems".split()
_MAP = "patternProperties dependentSchemas $defs definitions".split()

Path = tuple[str, ...]


class ParamHeader(NamedTuple):
    """`path` leads to the argument; `name` is what follows `Mcp-Param-`."""

    path: Path
    name: str
    is_integer: bool


class InvalidAnnotation(Exception):
    """The message says which annotation breaks which rule."""


def read_param_headers(schema: Any) -> tuple[ParamHeader, ...]:
    """The annotations of an input schema; raises InvalidAnnotation."""
    found: dict[str, ParamHeader] = {}
    for path, position in _positions(schema):
        if ANNOTATION not in position:
            continue
        name, kind = position[ANNOTATION], position.get("type")
        if not path:
            raise InvalidAnnotation("an annotation is not reached through properties alone")
        if not isinstance(name, str) or not _TOKEN.fullmatch(name):
            raise InvalidAnnotation(f"the annotation of {'.'.join(path)} is no name of a header")
        if kind not in _TYPES:
            raise InvalidAnnotation(f"{'.'.join(path)} is neither string nor integer nor boolean")
        if name.lower() in found:
            raise InvalidAnnotation(f"two arguments want the header {name}")
        found[name.lower()] = ParamHeader(path, name, kind == "integer")
    return tuple(found.values())


def mirror(declared: tuple[ParamHeader, ...], arguments: Any) -> dict[str, str]:
    """What goes into `Mcp-Param-*`, by name; an argument that is not there, or null, has no header."""
    mirrored = ((each.name, _render(_value_at(arguments, each.path))) for each in declared)
    return {name: text for name, text in mirrored if text is not None}


def require_param_headers(declared: tuple[ParamHeader, ...], arguments: Any, headers: RawHeaders) -> None:
    """Refuse a request in which a declared header and its argument are not both there and equal, or both absent."""
    said: dict[str, str] = {}
    for raw_name, raw_value in headers:
        name = raw_name.lower()
        if name.startswith(PREFIX):
            key = name.removeprefix(PREFIX).decode("latin-1")
            if key in said:
                raise mismatch(f"The header Mcp-Param-{key} is there twice.")
            said[key] = raw_value.decode("latin-1")
    for each in declared:
        text, raw = _render(_value_at(arguments, each.path)), said.get(each.name.lower())
        if text is None and raw is None:
            continue
        decoded = None if raw is None else decode_value(raw)
        if text is None or decoded is None or not _is_same(each, text, decoded):
            argument = ".".join(each.path)
            raise mismatch(f"The header Mcp-Param-{each.name} does not say what the argument {argument} says.")


def _positions(schema: Any) -> Iterator[tuple[Path | None, dict[str, Any]]]:
    """Every schema inside a schema, with the way through `properties` that leads to it, None for any other way."""
    waiting: list[tuple[Path | None, Any]] = [((), schema)]
    while waiting:
        path, position = waiting.pop()
        if not isinstance(position, dict):
            continue
        yield path, position
        for key, inner in _entries(position.get("properties")):
            waiting.append((None if path is None else (*path, key), inner))
        waiting += [(None, position[keyword]) for keyword in _ONE if keyword in position]
        for keyword in _LIST:
            inner = position.get(keyword)
            waiting += [(None, each) for each in inner] if isinstance(inner, list) else []
        for keyword in _MAP:
            waiting += [(None, each) for _, each in _entries(position.get(keyword))]


def _entries(value: Any) -> list[tuple[str, Any]]:
    return list(value.items()) if isinstance(value, dict) else []


def _value_at(arguments: Any, path: Path) -> Any:
    for key in path:
        if not isinstance(arguments, Mapping):
            return None
        arguments = arguments.get(key)
    return arguments


def _render(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return str(value) if isinstance(value, str | int | float) else None
    except ValueError:  # an integer of more digits than Python writes out
        return None


def _is_same(declared: ParamHeader, text: str, said: str) -> bool:
    """Whole numbers are compared as numbers: `42` is `42.0`."""
    if text == said:
        return True
    mine, theirs = _DECIMAL.fullmatch(text), _DECIMAL.fullmatch(said)
    return declared.is_integer and mine is not None and theirs is not None and mine[1] == theirs[1]
