"""What processes use, from /proc: user and system time, and memory."""

import os
from collections.abc import Iterator
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")


def family_of(pid: int) -> list[int]:
    """A process and all that it has started, in their turn too."""
    return [pid, *(later for child in _children(pid) for later in family_of(child))]


def cpu_seconds(pids: list[int]) -> float:
    """User and system time of living processes since they began."""
    return sum(sum(_stat(pid)[11:13]) for pid in pids) / TICKS


def resident_mib(pids: list[int]) -> float:
    return sum(_stat(pid)[21] for pid in pids) * PAGE / 2**20


def _children(pid: int) -> Iterator[int]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        yield from map(int, (task / "children").read_text().split())


def _stat(pid: int) -> list[int]:
    """The fields of /proc/PID/stat from the third on, where the state, a letter, stands as 0."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [0, *map(int, fields[1:])]
