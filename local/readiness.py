"""Waiting until a process that was started answers."""

import http.client
import time
from collections.abc import Callable

from local.console import Refused, say
from local.family import Family
from local.ports import HOST

# A cold start on a busy machine with two cores takes under ten seconds; more than this is not slow but broken.
SECONDS_TO_COME_UP = 90.0
# Nobody likes to look longer at a screen that says nothing.
SECONDS_OF_SILENCE = 10.0
BETWEEN_LOOKS = 0.05


def wait_for(what: str, family: Family, is_there: Callable[[], bool]) -> None:
    """Return when `is_there`. Raises Refused when that takes too long or a process of the family does not start."""
    _wait(what, family, lambda: None if is_there() else "it does not answer")


def wait_until_ready(what: str, family: Family, port: int) -> None:
    """Return when the process behind `port` says that it is able to work; raises Refused as `wait_for` does."""
    _wait(what, family, lambda: find_lack(port))


def _wait(what: str, family: Family, find: Callable[[], str | None]) -> None:
    began = time.monotonic()
    has_spoken = False
    while lack := find():
        waited = time.monotonic() - began
        if waited > SECONDS_TO_COME_UP:
            raise Refused(f"{what} is not ready after {waited:.0f} s: {lack}. The logs are in {family.logs}.")
        if waited > SECONDS_OF_SILENCE and not has_spoken:
            say(f"{what} is not ready yet: {lack}. Waiting …")
            has_spoken = True
        time.sleep(BETWEEN_LOOKS)  # there is nothing to wait on before a process listens
        family.tend()
        family.require_steady()


def find_lack(port: int) -> str | None:
    """Why the process behind `port` is not able to work; None when it is."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)  # a process that is able answers in milliseconds
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        return None if answer.status == 200 else f"it says {answer.status}, {answer.read().decode().strip()}"
    except (OSError, http.client.HTTPException):
        return "it does not answer"
    finally:
        connection.close()
