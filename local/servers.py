"""The upstream servers that the demo workspace is given with --server."""

import ipaddress
import re
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from local.console import Refused

FORM = re.compile(r"(?:(?P<prefix>[a-z0-9-]{1,16})=)?(?P<url>https?://\S+)")


@dataclass(frozen=True, slots=True)
class Server:
    prefix: str
    url: str

    def __str__(self) -> str:
        return f"{self.prefix}={self.url}"


def parse_servers(texts: list[str]) -> list[Server]:
    """The servers that `texts` name. Raises Refused when one makes no sense, or they cannot stand side by side."""
    servers = [_parse(text) for text in texts]
    prefixes = [server.prefix for server in servers]
    if "" in prefixes and len(servers) > 1:
        raise Refused("Of several servers each needs a prefix: --server github=https://… --server time=https://…")
    if twice := {prefix for prefix in prefixes if prefixes.count(prefix) > 1}:
        raise Refused(f"Two servers have the prefix {min(twice)}; each needs its own.")
    return servers


def private_networks(servers: list[Server]) -> list[str]:
    """The private addresses at which `servers` stand: whoever names a server here allows it to be called."""
    return sorted({f"{address}/{address.max_prefixlen}" for server in servers for address in _private(server)})


def _parse(text: str) -> Server:
    match = FORM.fullmatch(text)
    if match is None or not _host(match["url"]):
        raise Refused(
            f"--server {text} is not [PREFIX=]URL: the prefix is up to 16 of a-z, 0-9 and -, "
            "the URL begins with http:// or https://."
        )
    return Server(match["prefix"] or "", match["url"])


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _private(server: Server) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    try:
        found = socket.getaddrinfo(_host(server.url), None, type=socket.SOCK_STREAM)
    except OSError:
        return []  # the probe of the server will say so in its own words
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return [address for address in addresses if not address.is_global]
