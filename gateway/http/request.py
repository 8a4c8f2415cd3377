"""The head of a request: checked, and turned into a WSGI environ.

Rule: llhttp parses in its strict mode; what it lets pass against RFC 9112, or against our limits, is refused here.
A head that two readers could understand differently is refused, never repaired. Does no I/O.
"""

from urllib.parse import unquote_to_bytes, urlsplit

from httptools import HttpParserError, HttpParserInvalidMethodError, HttpParserUpgrade, HttpRequestParser

from gateway.http.fields import HOST, environ_keys
from gateway.http.limits import HttpLimits
from gateway.http.refusals import BodyTooLarge, Refusal

Environ = dict[str, object]


class Request:
    """One head. llhttp calls `on_header`; the rest of the server reads the attributes."""

    __slots__ = (
        "authority",
        "environ",
        "expects_continue",
        "fields",
        "is_chunked",
        "is_http_11",
        "keep_alive",
        "length",
        "method",
    )

    method: str
    is_http_11: bool
    keep_alive: bool
    environ: Environ

    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []
        self.authority: str | None = None
        self.length = 0
        self.is_chunked = False
        self.expects_continue = False

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name, value))


def parse_request(head: bytes, base: Environ, limits: HttpLimits) -> Request:
    """Read a head that ends with its empty line; `base` is what every environ of the connection holds.

    Raises Refusal.
    """
    request = Request()
    try:
        HttpRequestParser(request).feed_data(head)
    except HttpParserUpgrade:
        pass  # An offer of another protocol, which RFC 9110 §7.8 lets us ignore. CONNECT is refused below.
    except HttpParserError as error:
        raise _refusal_of(error) from None
    if head.count(b"\r\n") != len(request.fields) + 2:  # llhttp takes `GET /a<LF>X: b HTTP/1.1` for an HTTP/0.9 line
        raise Refusal(400, "Each line of a request must end with CRLF.")
    request.environ = base.copy()
    _read_start_line(request, head)
    _read_fields(request, head, limits)
    _check_host(request)
    _read_framing(request, limits)
    request.keep_alive = _is_kept_alive(request)
    return request


def _refusal_of(error: HttpParserError) -> Refusal:
    if isinstance(error, HttpParserInvalidMethodError):
        return Refusal(501, "This server does not know the request's method. MCP uses POST, GET and DELETE.")
    reason = str(error)
    if reason == "Request has invalid `Transfer-Encoding`":
        return Refusal(501, "This server understands only the transfer coding 'chunked'.")
    return Refusal(400, f"This is not a well-formed HTTP/1.1 request: {reason}.")


def _read_start_line(request: Request, head: bytes) -> None:
    words = head[: head.index(b"\r\n")].decode("latin-1").split(" ")
    if len(words) != 3 or not words[0] or words[0][0] < "A":
        raise Refusal(400, "The request line must be a method, a target and a version with one space between them.")
    method, target, version = words
    if version != "HTTP/1.1" and version != "HTTP/1.0":
        raise Refusal(505, "This server speaks HTTP/1.1 and HTTP/1.0 only.")
    request.method = method
    request.is_http_11 = version == "HTTP/1.1"
    path, _, query = target.partition("?")
    if path[0] != "/":
        path, query = _read_odd_target(request, target)
    if "#" in target:
        raise Refusal(400, "The request's target must not have a fragment (#).")
    if "%" in path:
        path = unquote_to_bytes(path).decode("latin-1")
    environ = request.environ
    environ["REQUEST_METHOD"] = method
    environ["PATH_INFO"] = path
    environ["QUERY_STRING"] = query
    environ["SERVER_PROTOCOL"] = version


def _read_odd_target(request: Request, target: str) -> tuple[str, str]:
    """The path and query of a target that is no path: `http://host/path?query`, or `*` with OPTIONS."""
    if request.method == "CONNECT":
        raise Refusal(501, "This server is no tunnel: CONNECT is not offered.")
    if target == "*" and request.method == "OPTIONS":
        return "*", ""
    try:
        parts = urlsplit(target)
    except ValueError:
        raise Refusal(400, "The request's target is not a valid URL.") from None
    if parts.scheme not in ("http", "https") or not parts.netloc:
        raise Refusal(400, "The request's target must be a path, such as /ws/your-workspace.")
    request.authority = parts.netloc
    return parts.path or "/", parts.query


def _read_fields(request: Request, head: bytes, limits: HttpLimits) -> None:
    fields = request.fields
    if len(fields) > limits.max_fields:
        raise Refusal(431, f"The request has more than {limits.max_fields} header fields.")
    if b" \r\n" in head or b"\t\r\n" in head:
        fields[:] = [(name, value.rstrip(b" \t")) for name, value in fields]  # llhttp leaves the white space on
    environ = request.environ
    environ["stoa.headers"] = fields
    for name, value in fields:
        key = environ_keys[name]
        if key is None:
            continue
        if key not in environ:
            environ[key] = value.decode("latin-1")
        elif key == "HTTP_HOST":
            raise Refusal(400, "The request has more than one Host header.")
        else:
            joint = "; " if key == "HTTP_COOKIE" else ","
            environ[key] = f"{environ[key]}{joint}{value.decode('latin-1')}"


def _check_host(request: Request) -> None:
    host = request.environ.get("HTTP_HOST")
    if host is None:
        if request.is_http_11:
            raise Refusal(400, "The request has no Host header.")
    elif HOST.fullmatch(str(host)) is None:
        raise Refusal(400, "The request's Host header is not a host name with an optional port.")
    elif request.authority is not None and request.authority.lower() != str(host).lower():
        raise Refusal(400, "The request's target names another host than its Host header.")


def _is_kept_alive(request: Request) -> bool:
    """RFC 9112 §9.3. llhttp cannot be asked: at the end of a message without a body it has forgotten the answer."""
    options = request.environ.get("HTTP_CONNECTION")
    if options is None:
        return request.is_http_11
    words = [word.strip(" \t") for word in str(options).lower().split(",")]
    return "close" not in words and (request.is_http_11 or "keep-alive" in words)


def _read_framing(request: Request, limits: HttpLimits) -> None:
    """How long the body is. llhttp has refused contradictions and everything but digits in Content-Length."""
    environ = request.environ
    coding = environ.get("HTTP_TRANSFER_ENCODING")
    if coding is not None:
        if not request.is_http_11:
            raise Refusal(400, "HTTP/1.0 has no Transfer-Encoding. Please send a Content-Length.")
        if str(coding).lower() != "chunked":
            raise Refusal(501, "This server understands only the transfer coding 'chunked'.")
        request.is_chunked = True
    else:
        request.length = int(str(environ.get("CONTENT_LENGTH", 0)))
        if request.length > limits.max_body:
            raise BodyTooLarge(f"The request's body is larger than the {limits.max_body} bytes accepted here.")
    expectation = environ.get("HTTP_EXPECT")
    if expectation is not None and request.is_http_11:
        if str(expectation).lower() != "100-continue":
            raise Refusal(417, "This server meets no expectation but '100-continue'.")
        request.expects_continue = True
