"""What all connections of one server share.

Rule: written by the server only; a connection reads it anew for each response.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from gateway.http.limits import HttpLimits
from gateway.http.request import Environ

Application = Callable[[Environ, Callable[..., object]], Iterable[bytes]]


@dataclass(slots=True)
class ServerState:
    application: Application
    limits: HttpLimits
    date_line: str
    """The Date field, at most a second old, so that no response has to format one."""

    arriving: int = 0
    """Bytes of bodies that have begun to arrive and have not ended, of all connections."""

    is_draining: bool = False
    """Whether each response from now on is the last of its connection."""
