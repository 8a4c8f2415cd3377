"""Receive: what request line and headers say, before anything is read.

Rule: nothing under the gateway's URLs ever answers HTML or a redirect; a browser of an unknown origin is refused.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from common import slugs
from gateway.exchange import Exchange
from gateway.protocol.refusals import PARSE_ERROR, Headers, Refusal, bad_request, unauthorized

PATH_PREFIX = "/ws/"
_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
_REQUEST_HEADERS = (
    "authorization, content-type, accept, mcp-protocol-version, mcp-method, mcp-name, mcp-session-id, last-event-id"
)


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


def receive(exchange: Exchange, origins: frozenset[str]) -> None:
    """Find the workspace's slug; hold the request to method, origin, media types."""
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
    if not slugs.is_valid(slug):
        raise unauthorized()
    exchange.slug = slug
    if environ["REQUEST_METHOD"] != "POST":
        raise Refusal(405, -31405, "Send JSON-RPC requests with POST.", headers=(("Allow", "POST, OPTIONS"),))


def require_media_types(exchange: Exchange) -> None:
    """MCP asks for JSON in, and for a client that takes both JSON and events."""
    environ = exchange.environ
    kind = environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refusal(415, -31415, "The body must be JSON: send Content-Type: application/json.")
    accepted = environ.get("HTTP_ACCEPT", "").lower()
    if "*/*" in accepted:
        return
    if not ("application/json" in accepted and "text/event-stream" in accepted):
        raise Refusal(406, -31406, "Send Accept: application/json, text/event-stream.")


def read_body(exchange: Exchange) -> None:
    """Read the whole body; the HTTP server refuses one over its limit, unread where its length is announced."""
    exchange.body = exchange.environ["wsgi.input"].read()
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


def preflight_headers() -> Headers:
    return (
        ("Access-Control-Allow-Methods", "POST, OPTIONS"),
        ("Access-Control-Allow-Headers", _REQUEST_HEADERS),
        ("Access-Control-Max-Age", "600"),
    )
