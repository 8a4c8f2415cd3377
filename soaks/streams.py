"""Streams: thousands are open and nothing happens; then something does.

Rule: the clients of one era at a time, each on a gateway that has served nobody else, so that memory is theirs. The
list changes at a server of each era in turn.
"""

import math
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.usage import cpu_seconds, resident_mib
from soaks import Wrong
from soaks.listeners import Listeners, Stream
from soaks.place import Place
from soaks.report import Report
from soaks.servers import SoakedServer
from soaks.upstream import LEGACY, MODERN

ERAS = (LEGACY, MODERN)

OPEN_SECONDS = 120.0  # ten thousand take ten seconds; the rest is for a crowded machine
LATE_SECONDS = 10.0  # how long is waited for what comes too late, so that one knows by how much
TIMEOUT = 10  # of the servers; none is ever called

# What is promised.
STREAM_KIB = 32.0
IDLE_CORE_PERCENT_PER_THOUSAND = 1.0
CHANGE_SECONDS = 1.0
RESTART_SECONDS = 5.0
CUT_SECONDS = 1.0
CUT_A_SECOND = 2500  # of more than these, the last ones wait for the CPU

DESCRIPTORS_BESIDE = 500  # of the gateway and of the client, beside the streams


@dataclass(frozen=True, slots=True)
class Wishes:
    """`idle` seconds of nothing are measured, `settle` seconds are left for what is done behind an answer. With fewer
    than `enough` streams, what each costs cannot be told. A token may hold 256 open on one process, but not open all
    of them at once: what takes no place in its window has a bound of its own."""

    count: int
    idle: float
    settle: float = 2.0
    per_token: int = 100
    enough: int = 1000


def raise_limit(count: int) -> None:
    """Let this process and those that it starts hold so many streams. Raises Wrong when the system forbids it."""
    needed = count + DESCRIPTORS_BESIDE
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise Wrong(f"{count} streams need {needed} descriptors in a process, and `ulimit -Hn` is {hard}: raise it.")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(needed, resource.getrlimit(resource.RLIMIT_NOFILE)[0]), hard))


def run(place: Place, folder: Path, era: str, wishes: Wishes, tell: Callable[[str], None]) -> Report:
    """The streams of one era of client. Raises Wrong when they do not all open."""
    with ExitStack() as living:
        servers = [living.enter_context(SoakedServer(f"{each}-server", each, folder)) for each in ERAS]
        for server in servers:
            place.add_server(server, TIMEOUT)
        keys = [place.new_key(f"streams {number}") for number in range(math.ceil(wishes.count / wishes.per_token))]
        tokens = [keys[number % len(keys)].plaintext for number in range(wishes.count)]
        listeners = living.enter_context(Listeners(place.address, era))
        soak = _Soak(place, era, wishes, listeners, tell)
        soak.open([place.new_key("first").plaintext], tokens)
        soak.idle()
        for server in servers:
            soak.change(server)
        soak.restart(servers[ERAS.index(era)])
        soak.cut("revoked", lambda: place.revoke(keys[0]), [s for s in listeners.streams if s.token == tokens[0]])
        soak.cut("destroyed", place.destroy, [s for s in listeners.streams if not s.ended])
        soak.look_for_wrong()
        return Report(soak.broken, soak.figures)


class _Soak:
    """What is done to the streams one after the other, and what it showed."""

    def __init__(
        self, place: Place, era: str, wishes: Wishes, listeners: Listeners, tell: Callable[[str], None]
    ) -> None:
        self._place, self._wishes, self._listeners = place, wishes, listeners
        self._era, self._tell = era, tell
        self.broken: list[str] = []
        self.figures: dict[str, Any] = {"streams": wishes.count}

    def open(self, first: list[str], tokens: list[str]) -> None:
        """The first stream makes the gateway load what is of the workspace, and not of a stream."""
        self._listeners.open(first, OPEN_SECONDS)
        self._rest(self._wishes.settle)
        before, began = self._resident_kib(), time.monotonic()
        self._listeners.open(tokens, OPEN_SECONDS)
        took = time.monotonic() - began
        self._rest(self._wishes.settle)
        each = (self._resident_kib() - before) / len(tokens)
        self._note("opened per second", round(len(tokens) / took))
        self._note("kib per stream", round(each, 1))
        if self._wishes.count >= self._wishes.enough and each > STREAM_KIB:
            self._break(f"a stream costs {each:.1f} KiB, and not at most {STREAM_KIB}")

    def idle(self) -> None:
        before, began = self._cpu_seconds(), time.monotonic()
        self._rest(self._wishes.idle)
        percent = (self._cpu_seconds() - before) / (time.monotonic() - began) * 100
        self._note("idle percent of a core", round(percent, 2))
        allowed = IDLE_CORE_PERCENT_PER_THOUSAND * max(1.0, self._wishes.count / 1000)
        if self._wishes.count >= self._wishes.enough and percent > allowed:
            self._break(f"while nothing happens, the gateway takes {percent:.1f} % of a core, not at most {allowed}")

    def change(self, server: SoakedServer, when: str = "") -> None:
        """Another list at this server: each stream knows soon, and is told once."""
        what = f"a change of the {server.name}{when}"
        self._is_told(what, server.change, CHANGE_SECONDS)
        if twice := sum(len(stream.changes) > 1 for stream in self._listeners.streams):
            self._break(f"{twice} streams were told twice of {what}")

    def restart(self, server: SoakedServer) -> None:
        """Nobody listened to it for a while: each stream is told that it may have missed something."""
        server.kill()
        self._is_told(f"a restart of the {server.name}", server.start, RESTART_SECONDS)
        self.change(server, " after its restart")

    def _is_told(self, what: str, happen: Callable[[], None], seconds: float) -> None:
        streams = self._listeners.streams
        for stream in streams:
            stream.changes.clear()
        began = time.monotonic()
        happen()
        self._listeners.until(lambda: all(stream.changes for stream in streams), LATE_SECONDS)
        self._rest(self._wishes.settle)  # whoever is told twice is told by then
        waits = sorted(stream.changes[0] - began for stream in streams if stream.changes)
        if waits:
            times = {"first": waits[0], "median": median(waits), "last": waits[-1]}
            self._note(f"told of {what}, seconds", {name: round(value, 3) for name, value in times.items()})
        if late := len(streams) - sum(wait <= seconds for wait in waits):
            self._break(f"{late} streams did not know of {what} after {seconds} s")

    def cut(self, what: str, close: Callable[[], float], streams: list[Stream]) -> None:
        """Close what these streams stand on: each ends at once, and no other."""
        others = [stream for stream in self._listeners.streams if not stream.ended and stream not in set(streams)]
        closed = close()
        self._listeners.until(lambda: all(stream.ended for stream in streams), LATE_SECONDS)
        last = max((stream.ended for stream in streams), default=closed) - closed
        left = sum(not stream.ended for stream in streams)
        self._note(f"{what} streams", len(streams))
        self._note(f"{what} streams: the last ended after, seconds", round(max(0.0, last), 3))
        if left or last > max(CUT_SECONDS, len(streams) / CUT_A_SECOND):
            self._break(f"of {len(streams)} {what} streams {left} stay open, the last to end did so after {last:.2f} s")
        if gone := sum(bool(stream.ended) for stream in others):
            self._break(f"{gone} streams ended although they are not of those that were {what}")

    def look_for_wrong(self) -> None:
        if wrong := [stream.wrong for stream in self._listeners.streams if stream.wrong]:
            self._break(f"{len(wrong)} streams got what they should not have, such as {wrong[:3]}")
        if complaints := [line for line in self._place.log().splitlines() if '"level": "error"' in line]:
            self._break(f"{len(complaints)} errors in the gateway's log, such as {complaints[:3]}")

    def _rest(self, seconds: float) -> None:
        self._listeners.until(lambda: False, seconds)

    def _resident_kib(self) -> float:
        return resident_mib(self._place.pids()) * 1024

    def _cpu_seconds(self) -> float:
        return cpu_seconds(self._place.pids())

    def _note(self, name: str, figure: object) -> None:
        self.figures[name] = figure
        self._tell(f"{self._era}: {name}: {figure}")

    def _break(self, promise: str) -> None:
        self.broken.append(f"{self._era}: {promise}")
