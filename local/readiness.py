"""Waiting until a process that was started answers."""

import http.client
import time
from collections.abc import Callable

from local.console import Refused
from local.family import Family
from local.ports import HOST

# A cold start on a busy machine with two cores takes under ten seconds; more than this is not slow but broken.
SECONDS_TO_COME_UP = 90.0
BETWEEN_LOOKS = 0.05


def wait_for(what: str, family: Family, is_there: Callable[[], bool]) -> None:
    """Return when `is_there`. Raises Refused when that takes too long or a process of the family does not start."""
    deadline = time.monotonic() + SECONDS_TO_COME_UP
    while not is_there():
        if time.monotonic() > deadline:
            raise Refused(f"{what} did not answer within {SECONDS_TO_COME_UP:.0f} s; its log may say why.")
        time.sleep(BETWEEN_LOOKS)  # there is nothing to wait on before a process listens
        family.tend()
        family.require_steady()


def is_ready(port: int) -> bool:
    """Whether the process behind `port` says that it is able to work."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)  # a process that is able answers in milliseconds
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
