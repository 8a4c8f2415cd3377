"""The address guard: which addresses a name may be connected at.

Rule: every address of a name is judged; one that is refused refuses the name. The caller connects
to exactly what was judged, never to the name, so a name that changes its mind gains nothing.
Private ranges only through the operator's allow-list, and metadata services never.
"""

import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import NamedTuple

from upstream.faults import UpstreamFault
from upstream.ranges import Network, is_never, is_public

Resolver = Callable[[str, int], Sequence[tuple[int, str]]]

DNS_SECONDS = 5.0  # a resolver that needs longer would eat the time for the call itself
MAX_ADDRESSES = 64  # a name with more is a trick, or no MCP server


class Address(NamedTuple):
    """Where to connect. `is_private`: only because the operator's allow-list has it."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]
    is_private: bool


def resolve(host: str, port: int) -> list[tuple[int, str]]:
    """The system's resolver: (family, address) pairs, in its order of preference."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys((int(family), str(sockaddr[0])) for family, _, _, _, sockaddr in found))


class Addresses:
    def __init__(self, resolver: Resolver = resolve, private: Sequence[Network] = ()):
        self._resolver = resolver
        self._private = tuple(private)

    def check(self, host: str, port: int, timeout: float = DNS_SECONDS) -> list[Address]:
        """All addresses of `host`, each allowed; raises UpstreamFault `dns` or `address_refused`."""
        try:
            written = [str(ip_address(host))]
        except ValueError:
            written = [text for _, text in self._look_up(host, port, timeout)]
        if not written:
            raise _unknown(host)
        if len(written) > MAX_ADDRESSES:
            raise _refused(host)
        return [self._judge(host, text, port) for text in written]

    def _judge(self, host: str, text: str, port: int) -> Address:
        if "%" in text:  # a zone: only link-local addresses have one
            raise _refused(host)
        try:
            address = ip_address(text)
        except ValueError:
            raise _refused(host) from None
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # what the kernel would connect to
        is_private = any(address in network for network in self._private)
        if is_never(address) or not (is_private or is_public(address)):
            raise _refused(host)
        if isinstance(address, IPv4Address):
            return Address(socket.AF_INET, (str(address), port), is_private)
        return Address(socket.AF_INET6, (str(address), port, 0, 0), is_private)

    def _look_up(self, host: str, port: int, timeout: float) -> Sequence[tuple[int, str]]:
        """Ask in a thread of its own: getaddrinfo knows no timeout, and a call must have one."""
        answer: list[Sequence[tuple[int, str]]] = []

        def ask() -> None:
            try:
                answer.append(self._resolver(host, port))
            except (OSError, UnicodeError):  # no such name, or one that cannot be asked for
                answer.append(())

        thread = threading.Thread(target=ask, name="resolve", daemon=True)
        thread.start()
        thread.join(min(timeout, DNS_SECONDS))
        if not answer:
            raise UpstreamFault("dns", f"Looking up {host} took too long. Try again in a moment.")
        return answer[0]


def _unknown(host: str) -> UpstreamFault:
    return UpstreamFault(
        "dns",
        f"There is no address for the name {host}. Check the URL; if it was right until now, try again in a moment.",
    )


def _refused(host: str) -> UpstreamFault:
    return UpstreamFault(
        "address_refused",
        f"{host} leads to a private or special network address, which is not allowed. "
        "Use a public address, or ask the operator to allow this network.",
    )
