"""Figures: what a call costs in CPU, how many there were, how fast."""

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from bench import Wrong
from bench.call import LEGACY, MODERN, Call
from bench.load import load
from bench.stack import Stack

# Client's era and server's, by the name of the bench.
CELLS = {f"{client}-to-{server}": (client, server) for client in (LEGACY, MODERN) for server in (LEGACY, MODERN)}

# What the cheap upstream takes by itself, so that one sees what the figures stand on.
ALONE = {f"{era}-alone": era for era in (LEGACY, MODERN)}

HEADLINE = [f"{LEGACY}-alone", f"{LEGACY}-to-{LEGACY}", f"{MODERN}-to-{MODERN}"]

SECONDS_TO_WARM_UP = 1.0


@dataclass(frozen=True, slots=True)
class Figure:
    """The median round. CPU in microseconds per call by process, memory in MiB afterwards."""

    bench: str
    connections: int
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]
    resident_mib: dict[str, float]
    rounds_cpu_us: list[float]

    @property
    def gateway_us(self) -> float:
        return self.cpu_us["gateway"]


def call_of(stack: Stack, bench: str) -> Call:
    if bench in ALONE:
        return stack.straight(ALONE[bench])
    return stack.through_gateway(*CELLS[bench])


def measure(
    stack: Stack, benches: list[str], connections: list[int], seconds: float, rounds: int, tell: Callable[[str], None]
) -> list[Figure]:
    """Every bench at every number of connections. The rounds go through all of them in turn, so that a slow
    minute of the machine falls on each alike. Raises Wrong when an answer was not the right one."""
    cases = [(bench, count) for bench in benches for count in connections]
    calls = {bench: call_of(stack, bench) for bench in benches}
    for bench, call in calls.items():
        tell(f"warming up {bench}")
        load(call, 1, SECONDS_TO_WARM_UP)
    taken: dict[tuple[str, int], list[Figure]] = {case: [] for case in cases}
    for number in range(rounds):
        for bench, count in cases:
            try:
                figure = _round(stack, bench, calls[bench], count, seconds)
            except Wrong as wrong:
                raise Wrong(f"{bench} at {count} connections: {wrong}") from None
            taken[bench, count].append(figure)
            tell(f"round {number + 1} of {rounds}: {bench} at {count}: {figure.cpu_us}")
    return [_median(figures) for figures in taken.values()]


def _round(stack: Stack, bench: str, call: Call, connections: int, seconds: float) -> Figure:
    before = stack.cpu_seconds()
    seen = load(call, connections, seconds)
    time.sleep(0.1)  # what the last calls left to do, such as their records, is done then
    after = stack.cpu_seconds()
    cpu = {name: round((after[name] - before[name]) / seen.calls * 1e6, 2) for name in before}
    return Figure(
        bench=bench,
        connections=connections,
        calls_per_second=seen.calls_per_second,
        p50_ms=seen.p50_ms,
        p99_ms=seen.p99_ms,
        cpu_us=cpu,
        resident_mib=stack.resident_mib(),
        rounds_cpu_us=[cpu["gateway"]],
    )


def _median(figures: list[Figure]) -> Figure:
    """The figure whose gateway cost is the median; all costs stay beside it."""
    costs = [figure.gateway_us for figure in figures]
    middle = statistics.median_low(costs)
    chosen = next(figure for figure in figures if figure.gateway_us == middle)
    return Figure(**{**asdict(chosen), "rounds_cpu_us": costs})
