"""What is done to a server: killed, stopped, slowed, restarted, at random.

Rule: the same seed gives the same faults. Whatever was done, the server is back when it is over.
"""

import time
from enum import StrEnum
from random import Random
from typing import NamedTuple

from soaks.servers import SoakedServer

SHORTEST_SECONDS = 0.5
FLAPS = 5


class Kind(StrEnum):
    KILL = "killed"
    STOP = "stopped"
    SLOW = "slowed"
    FLAP = "restarted again and again"
    CRASH = "stopped, then killed"
    CUT = "slowed, then killed"


class Fault(NamedTuple):
    """`delay` is how long a slowed server holds each answer back."""

    server: str
    kind: Kind
    seconds: float
    delay: float

    def __str__(self) -> str:
        late = f", answers {self.delay} s late" if self.kind in (Kind.SLOW, Kind.CUT) else ""
        return f"{self.server} {self.kind}, for {self.seconds} s{late}"


def draw(random: Random, servers: tuple[str, ...], timeout: float) -> list[Fault]:
    """Faults that happen at once: one, or one for each server; some last longer than a call may."""
    hit = random.choice([*((server,) for server in servers), servers])
    return [
        Fault(
            server,
            random.choice(list(Kind)),
            round(random.uniform(SHORTEST_SECONDS, 1.5 * timeout), 2),
            round(random.uniform(0.1, 2.0) * timeout, 2),
        )
        for server in hit
    ]


def inflict(fault: Fault, server: SoakedServer) -> None:
    """Returns when it is over and the server is back."""
    match fault.kind:
        case Kind.KILL:
            server.kill()
            time.sleep(fault.seconds)
            server.start()
        case Kind.STOP:
            server.stop()
            time.sleep(fault.seconds)
            server.go_on()
        case Kind.SLOW:
            server.slow(fault.delay)
            time.sleep(fault.seconds)
            server.slow(0)
        case Kind.FLAP:
            for _ in range(FLAPS):
                server.kill()
                server.start()
                time.sleep(fault.seconds / FLAPS)
        case Kind.CRASH:
            server.stop()
            time.sleep(fault.seconds)
            server.kill()
            server.start()
        case Kind.CUT:  # streams that have begun end midway
            server.slow(fault.delay)
            time.sleep(fault.seconds)
            server.kill()
            server.start()
