"""Lanes of kept-alive connections, each to one checked address.

Rule: a request is sent once. Only when not one byte has left, on a kept connection that turned
out dead, is a fresh connection used. Addresses are checked at each connect and connected to as
checked; the name stays for Host and for TLS. No proxy, no redirect, no cookie.
"""

import contextlib
import socket
import ssl
import threading
import weakref
from collections import deque
from collections.abc import Callable

from common.clock import monotonic
from upstream.address import Address, Addresses
from upstream.connection import Connection, Unsent, WireLimits, time_left
from upstream.faults import UpstreamFault
from upstream.streams import PlainStream, Stream, TlsStream
from upstream.target import Place, Target, parse_url

Dial = Callable[[Address, float], socket.socket]


def dial(address: Address, timeout: float) -> socket.socket:
    """Connect to exactly this address."""
    connecting = socket.socket(address.family, socket.SOCK_STREAM)
    try:
        connecting.settimeout(timeout)
        connecting.connect(address.sockaddr)
    except BaseException:  # also a greenlet killed while it waits: no socket is left behind
        connecting.close()
        raise
    return connecting


class Pool:
    """What all lanes of a process share: the guard, the TLS context, the limits."""

    def __init__(
        self,
        addresses: Addresses,
        *,
        tls: ssl.SSLContext | None = None,
        limits: WireLimits | None = None,
        connect: Dial = dial,
    ):
        self.addresses = addresses
        self.tls = tls or ssl.create_default_context()  # 14 ms: once a process
        self.limits = limits or WireLimits()
        self.connect = connect
        self._lanes: weakref.WeakSet[Lane] = weakref.WeakSet()

    def lane(self, target: Target) -> "Lane":
        """A lane of its own for each caller: connections are shared by nobody else."""
        lane = Lane(self, target)
        self._lanes.add(lane)
        return lane

    def sweep(self) -> None:
        """Close what has been idle for too long. Call it every few seconds."""
        for lane in list(self._lanes):
            lane.sweep()


class Lane:
    def __init__(self, pool: Pool, target: Target):
        self.place: Place = parse_url(target.url)
        self._pool = pool
        self._target = target
        self._idle: deque[Connection] = deque()
        self._open = 0
        self._lock = threading.Lock()
        self._is_closed = False

    def ask(self, payload: bytes, deadline: float) -> Connection:
        """Send a request; the head of its answer has been read. Raises UpstreamFault.

        The connection must be read to its end or released.
        """
        while (connection := self._take()) is not None:
            try:
                connection.ask(payload, deadline)
            except Unsent:
                continue
            return connection
        connection = self._open_one(deadline)
        try:
            connection.ask(payload, deadline)
        except Unsent:
            raise self._fault("reset", "closed the connection at once. Try again in a moment") from None
        return connection

    def sweep(self) -> None:
        horizon = monotonic() - self._pool.limits.idle_seconds
        # The oldest are at the left; a connection taken meanwhile is no longer in the queue.
        while self._idle and self._idle[0].idle_since < horizon:
            with contextlib.suppress(IndexError):
                self._idle.popleft().close()

    def close(self) -> None:
        self._is_closed = True
        while self._idle:
            with contextlib.suppress(IndexError):  # another thread took the last one
                self._idle.pop().close()

    def _take(self) -> Connection | None:
        now = monotonic()
        while self._idle:
            try:
                connection = self._idle.pop()  # the warmest first
            except IndexError:  # another thread took the last one
                return None
            if connection.is_usable(now):
                return connection
            connection.close()
        return None

    def _keep(self, connection: Connection) -> None:
        if self._is_closed or len(self._idle) >= self._pool.limits.idle_connections:
            connection.close()
            return
        connection.idle_since = monotonic()
        self._idle.append(connection)

    def _open_one(self, deadline: float) -> Connection:
        with self._lock:
            if self._open >= self._pool.limits.open_connections:
                raise UpstreamFault(
                    "rate_limited",
                    f"Too many connections to {self.place.authority} are in use. Try again in a moment.",
                    retry_after=1,
                )
            self._open += 1
        try:
            stream = self._connect(min(deadline, monotonic() + self._target.connect_timeout))
        except BaseException:  # also a greenlet that is killed here: the count must not leak
            self._count_down()
            raise
        return Connection(stream, self.place.authority, self._pool.limits, self._keep, self._count_down)

    def _count_down(self) -> None:
        with self._lock:
            self._open -= 1

    def _connect(self, deadline: float) -> Stream:
        place = self.place
        addresses = self._pool.addresses.check(place.host, place.port, time_left(deadline))
        if not place.is_tls and not self._target.allow_http and not all(a.is_private for a in addresses):
            raise UpstreamFault(
                "address_refused", f"Plain http to {place.authority} is not allowed. Use its https address."
            )
        plain = PlainStream(self._dial_one_of(addresses, deadline))
        if not place.is_tls:
            return plain
        try:
            return TlsStream(plain, self._pool.tls, place.host, deadline)
        except BaseException as error:  # every way out closes the socket; the known ones become faults
            plain.close()
            if isinstance(error, ssl.SSLError):
                raise self._tls_fault(error) from error
            if isinstance(error, TimeoutError):
                raise self._unreached("did not finish the TLS handshake in time") from None
            if isinstance(error, OSError):
                raise self._fault("tls", "closed the connection during the TLS handshake") from error
            raise

    def _dial_one_of(self, addresses: list[Address], deadline: float) -> socket.socket:
        last: OSError = TimeoutError()
        for position, address in enumerate(addresses):
            # Each gets its share of the time, so that a dead IPv6 route leaves some for IPv4.
            share = time_left(deadline) / (len(addresses) - position)
            if share <= 0:
                break
            try:
                return self._pool.connect(address, share)
            except OSError as error:
                last = error
        if isinstance(last, TimeoutError):
            raise self._unreached("did not accept a connection in time. Check that it is up and reachable")
        if isinstance(last, ConnectionRefusedError):
            raise self._fault("refused", "refused the connection. Check that it is running and that the port is right")
        raise self._fault("refused", "cannot be reached over the network. Check that it is up") from last

    def _tls_fault(self, error: ssl.SSLError) -> UpstreamFault:
        if isinstance(error, ssl.SSLCertVerificationError):
            why = error.verify_message.rstrip(".")
            advice = "Ask whoever runs it to replace it"
            return self._fault("tls", f"shows a certificate that cannot be trusted ({why}). {advice}")
        return self._fault("tls", "could not agree on a TLS connection. Check that it speaks https on this port")

    def _unreached(self, what: str) -> UpstreamFault:
        return UpstreamFault("timeout", f"{self.place.authority} {what}.", is_unreached=True)

    def _fault(self, code: str, what: str) -> UpstreamFault:
        return UpstreamFault(code, f"{self.place.authority} {what}.")
