"""Receive: what request line and headers say, before anything is read.

Rule: nothing under the gateway's URLs ever answers HTML or a redirect; a browser of an unknown origin is refused.
"""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from common import slugs
from gateway.exchange import Exchange
from gateway.protocol.refusals import PARSE_ERROR, Headers, Refusal, bad_request, unauthorized
from upstream.eras import LEGACY_VERSIONS

PATH_PREFIX = "/ws/"
_ALLOWED = ("POST", "OPTIONS")
_OF_SESSIONS = ("GET", "POST", "DELETE", "OPTIONS")
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_REQUEST_HEADERS = (
    "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id"
)
_PARAM_HEADER = re.compile(r"mcp-param-[a-z0-9!#$%&'*+.^_`|~-]{1,100}")


def allowed_origins(urls: Iterable[str]) -> frozenset[str]:
    """The origins of our own addresses; a loopback address stands for all its spellings."""
    origins: set[str] = set()
    for url in urls:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
        host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
        hosts = _LOOPBACK if host in _LOOPBACK else (host,)
        origins.update(f"{parts.scheme}://{each}{port}" for each in hosts)
    return frozenset(origins)


_is_slug = lru_cache(maxsize=4096)(slugs.is_valid)  # the same few, with nearly every request


def receive(exchange: Exchange, origins: frozenset[str]) -> None:
    """Find the workspace's slug; hold the request to its origin, path and method."""
    environ = exchange.environ
    origin = environ.get("HTTP_ORIGIN")
    if origin is not None and origin not in origins:
        raise Refusal(
            403,
            -31403,
            "Requests from this origin are not allowed. The operator can add it to STOA_ALLOWED_ORIGINS.",
            decision="origin",
        )
    path = environ["PATH_INFO"]
    slug = path[len(PATH_PREFIX) :]
    if not path.startswith(PATH_PREFIX) or "/" in slug:
        raise Refusal(404, -31404, "There is nothing here. The gateway's address is /ws/<workspace>.")
    if len(slug) > slugs.MAX_LENGTH or not _is_slug(slug):
        raise unauthorized()
    exchange.slug = slug
    if environ["REQUEST_METHOD"] != "POST":
        _require_allowed(environ)


def _require_allowed(environ: Mapping[str, Any]) -> None:
    """`Allow` says which methods there are for a request of this kind (RFC 9110 §10.2.1)."""
    allowed = _OF_SESSIONS if _names_mcp_session(environ) else _ALLOWED
    if environ["REQUEST_METHOD"] not in allowed:
        raise Refusal(405, -31405, "Send JSON-RPC requests with POST.", headers=(("Allow", ", ".join(allowed)),))


def _names_mcp_session(environ: Mapping[str, Any]) -> bool:
    """GET and DELETE are about a session, and only the handshake's revisions have one."""
    version = environ.get("HTTP_MCP_PROTOCOL_VERSION")
    return "HTTP_MCP_SESSION_ID" in environ and (version is None or version.strip() in LEGACY_VERSIONS)


def require_media_types(exchange: Exchange) -> None:
    """MCP asks for JSON in, and for a client that takes both JSON and events."""
    environ = exchange.environ
    kind = environ.get("CONTENT_TYPE", "")
    if kind != "application/json" and kind.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(415, -31415, "The body must be JSON: send Content-Type: application/json.")
    accepted = environ.get("HTTP_ACCEPT", "").lower()
    if "*/*" in accepted:
        return
    if not ("application/json" in accepted and "text/event-stream" in accepted):
        raise Refusal(406, -31406, "Send Accept: application/json, text/event-stream.")


def require_event_stream(exchange: Exchange) -> None:
    """A GET is answered with events only (MCP 2025-11-25 basic/transports, §Listening for Messages)."""
    accepted = exchange.environ.get("HTTP_ACCEPT", "").lower()
    if not ("text/event-stream" in accepted or "*/*" in accepted):
        raise Refusal(406, -31406, "Send Accept: text/event-stream.")


def read_body(exchange: Exchange) -> None:
    """Read the whole body; the HTTP server refuses one over its limit, unread where its length is announced."""
    exchange.body = exchange.environ["wsgi.input"].read()
    exchange.request_bytes = len(exchange.body)
    if not exchange.body:
        raise bad_request("The body is empty: send one JSON-RPC request.", PARSE_ERROR)


def cross_origin_headers(exchange: Exchange, origins: frozenset[str]) -> Headers:
    """What lets a browser of an allowed origin read the answer."""
    origin = exchange.environ.get("HTTP_ORIGIN")
    if origin is None or origin not in origins:
        return ()
    return (
        ("Access-Control-Allow-Origin", origin),
        ("Access-Control-Expose-Headers", "mcp-session-id, www-authenticate, retry-after"),
        ("Vary", "Origin"),
    )


def preflight_headers(exchange: Exchange) -> Headers:
    """Which headers tools want arguments in is not known here: those that a browser asks for are allowed."""
    asked = exchange.environ.get("HTTP_ACCESS_CONTROL_REQUEST_HEADERS", "").lower()
    params = sorted({name for name in re.split(r"[,\s]+", asked) if _PARAM_HEADER.fullmatch(name)})
    return (
        ("Access-Control-Allow-Methods", ", ".join(_OF_SESSIONS)),
        ("Access-Control-Allow-Headers", ", ".join((_REQUEST_HEADERS, *params))),
        ("Access-Control-Max-Age", "600"),
    )
