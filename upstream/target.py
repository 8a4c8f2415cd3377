"""Target: which server, with which credentials, how patiently.

Rule: a URL is read by one strict grammar, ASCII only; what another reader could take for
another host (user names, escapes, octal or short addresses, zones) is refused, never repaired.
Does not resolve names: `address.py` does, and judges what they lead to.
"""

import re
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address

from upstream.faults import UpstreamFault

MAX_URL = 2048
_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,254})"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*)?(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?)"
)
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# A host whose last label looks like a number is an address to some readers (WHATWG URL, inet_aton).
_NUMBER = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_HEADER_VALUE = re.compile(r"[\x20-\x7e\x80-\xff\t]{0,65536}")
# Set by the client itself, or able to change where a message ends: never from a configuration.
_RESERVED = frozenset(
    "accept accept-encoding connection content-encoding content-length content-type expect host keep-alive "
    "last-event-id proxy-connection te trailer transfer-encoding upgrade".split()
)


@dataclass(frozen=True, slots=True)
class Target:
    """Times are seconds; `timeout` bounds a whole exchange, connecting included."""

    url: str
    headers: tuple[tuple[str, str], ...] = ()
    connect_timeout: float = 5.0
    timeout: float = 60.0
    allow_http: bool = False


@dataclass(frozen=True, slots=True)
class Place:
    """A URL taken apart. `authority` is what Host carries and what sentences name."""

    is_tls: bool
    host: str
    port: int
    authority: str
    path: str


def parse_url(url: str) -> Place:
    """Raises UpstreamFault `address_refused` for whatever is not plainly an http(s) URL."""
    match = _URL.fullmatch(url) if len(url) <= MAX_URL else None
    if match is None:
        raise _refused("This is not a URL of an MCP server. Write it like https://mcp.example.com/mcp, in plain ASCII.")
    is_tls = match["scheme"].lower() == "https"
    port = int(match["port"]) if match["port"] else (443 if is_tls else 80)
    if not 0 < port < 65536:
        raise _refused("The port in the URL must be between 1 and 65535.")
    host = _read_host(match["host"])
    shown = f"[{host}]" if ":" in host else host
    path = match["path"]
    return Place(
        is_tls=is_tls,
        host=host,
        port=port,
        authority=shown if port == (443 if is_tls else 80) else f"{shown}:{port}",
        path=path if path.startswith("/") else f"/{path}",
    )


def _read_host(written: str) -> str:
    if written.startswith("["):
        try:
            return str(IPv6Address(written[1:-1]))
        except AddressValueError:
            raise _refused("The IPv6 address in the URL is not valid.") from None
    host = written.lower().removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        try:
            return str(IPv4Address(host))
        except AddressValueError:
            raise _refused("Write an IPv4 address as four decimal numbers, like 192.0.2.1.") from None
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in labels):
        raise _refused("The host name in the URL is not valid.")
    return host


def render_headers(headers: tuple[tuple[str, str], ...]) -> bytes:
    """The configured headers as they go over the wire; raises `unauthorized` for one that must not."""
    lines = []
    for name, value in headers:
        value = value.strip()
        if not _HEADER_NAME.fullmatch(name) or name.lower() in _RESERVED or name.lower().startswith("mcp-"):
            raise UpstreamFault(
                "unauthorized", f"The header {name[:64]!r} cannot be set for a server. Use another name."
            )
        if not _HEADER_VALUE.fullmatch(value):
            raise UpstreamFault(
                "unauthorized", f"The value of the header {name} has characters that a header cannot carry."
            )
        lines.append(f"{name}: {value}\r\n")
    return "".join(lines).encode("latin-1")


def _refused(sentence: str) -> UpstreamFault:
    return UpstreamFault("address_refused", sentence)
