"""Chaos: two servers are tormented while a crowd calls them and a third.

Rule: what happened is written down as it was seen; the judging is done afterwards, in `chaos_verdict`.
"""

import itertools
import secrets
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import NamedTuple

from bench.usage import resident_mib
from soaks import Wrong
from soaks.callers import Callers, Listed, Made
from soaks.faults import Fault, draw, inflict
from soaks.place import Place
from soaks.records import Records, read_records
from soaks.servers import SoakedServer
from soaks.upstream import LEGACY, MODERN

OLD, NEW, WELL = "old", "new", "well"
ERAS = {OLD: LEGACY, NEW: MODERN, WELL: MODERN}
TORMENTED = (OLD, NEW)
# A client of each era for each of these in turn: most call those that are tormented.
TARGETS = (OLD, NEW, WELL, OLD, NEW)

RECOVERY_SECONDS = 5.0
STEADY_CALLS = 20  # right ones, one after the other, of a server that is called steadily
LATE_SECONDS = 10.0  # how long is waited for a recovery that is late, so that one knows by how much
WARM_SECONDS = 20.0  # from the first call to a steady crowd: under one second, but for a crowded machine
BETWEEN_LOOKS = 0.02
RECORD_SECONDS = 5.0  # records are written within milliseconds


@dataclass(frozen=True, slots=True)
class Wishes:
    """`timeout` of a call; `calm` is for how long at least the servers are left alone after each round of faults."""

    seconds: float
    clients: int
    seed: int
    timeout: int
    calm: float


class Round(NamedTuple):
    """From `began` to `back` the servers were tormented; until `ended` they were left alone. They were `steady` from
    then on, or too late."""

    faults: list[Fault]
    began: float
    back: float
    steady: float
    ended: float


class Health(NamedTuple):
    pids: list[int]
    resident_mib: float
    descriptors: int


@dataclass(frozen=True, slots=True)
class Story:
    """Everything that was seen. `requests`: all that took a place. `reached`: how often each nonce has reached each
    server."""

    wishes: Wishes
    began: float
    rounds: list[Round]
    made: list[Made]
    listed: list[Listed]
    requests: int
    reached: dict[str, Counter[str]]
    records: Records
    before: Health
    after: Health
    complaints: list[str]


def new_seed() -> int:
    return secrets.randbelow(1_000_000)


def run(place: Place, folder: Path, wishes: Wishes, tell: Callable[[str], None]) -> Story:
    """Raises Wrong when it cannot be run."""
    with ExitStack() as living:
        servers = {name: living.enter_context(SoakedServer(name, era, folder)) for name, era in ERAS.items()}
        for server in servers.values():
            place.add_server(server, wishes.timeout)
        key = place.new_key("chaos")
        targets = list(itertools.islice(itertools.cycle(TARGETS), wishes.clients // 2))
        with Callers(place.address, key.plaintext, targets, tuple(ERAS), wishes.timeout) as callers:
            began = time.monotonic()
            if not _wait(lambda: callers.are_steady(tuple(ERAS), began, STEADY_CALLS), WARM_SECONDS):
                raise Wrong(f"Calls do not succeed before anything was done: {callers.made[-3:]}")
            before = _look_at(place)
            rounds = _torment(servers, callers, wishes, tell)
        _wait(lambda: len(read_records(place).ids) >= callers.requests, RECORD_SECONDS)
        return Story(
            wishes=wishes,
            began=began,
            rounds=rounds,
            made=callers.made,
            listed=callers.listed,
            requests=callers.requests,
            reached={name: server.reached() for name, server in servers.items()},
            records=read_records(place),
            before=before,
            after=_look_at(place),
            complaints=[line for line in place.log().splitlines() if '"level": "error"' in line],
        )


def _torment(
    servers: dict[str, SoakedServer], callers: Callers, wishes: Wishes, tell: Callable[[str], None]
) -> list[Round]:
    random = Random(wishes.seed)
    rounds: list[Round] = []
    deadline = time.monotonic() + wishes.seconds
    while time.monotonic() < deadline:
        faults = draw(random, TORMENTED, wishes.timeout)
        tell("; ".join(map(str, faults)))
        began = time.monotonic()
        with ThreadPoolExecutor(len(faults)) as hands:
            list(hands.map(lambda fault: inflict(fault, servers[fault.server]), faults))
        rounds.append(_recover(callers, faults, began, wishes.calm))
        tell(f"steady {rounds[-1].steady - rounds[-1].back:.2f} s after they are back")
    return rounds


def _recover(callers: Callers, faults: list[Fault], began: float, calm: float) -> Round:
    """Leave the servers alone until calls are steady, and for as long as is wished."""
    back = time.monotonic()
    hit = tuple(fault.server for fault in faults)
    _wait(lambda: callers.are_steady(hit, back, STEADY_CALLS), LATE_SECONDS)
    steady = time.monotonic()
    _wait(lambda: time.monotonic() > back + calm, calm)
    return Round(faults, began, back, steady, time.monotonic())


def _wait(look: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not (found := look()) and time.monotonic() < deadline:
        time.sleep(BETWEEN_LOOKS)  # what is waited for happens in other processes
    return found


def _look_at(place: Place) -> Health:
    pids = place.pids()
    descriptors = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in pids)
    return Health(pids, round(resident_mib(pids), 1), descriptors)
