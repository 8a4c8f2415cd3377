"""Ports on the loopback interface: whether one is free, and one that is."""

import socket

from local.console import Refused

HOST = "127.0.0.1"


def require_free(port: int, option: str) -> None:
    """Refuse when somebody listens on `port` already; `option` is where to choose another."""
    with socket.socket() as probe:
        # A port whose last connections are still being forgotten counts as free, as it does for the servers.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise Refused(f"Port {port} cannot be used ({error.strerror}); choose another with {option}.") from None


def free_port() -> int:
    """A port nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return probe.getsockname()[1]


def answers(port: int) -> bool:
    """Whether somebody takes connections on `port`."""
    with socket.socket() as probe:
        probe.settimeout(1)  # a loopback connection takes microseconds, or will not come
        return probe.connect_ex((HOST, port)) == 0
