"""Our processes, and how to be sure that all of them end.

Every process that dev.py starts carries a mark in its environment and hands it down to the processes that it starts,
whatever sessions or groups those make. Whoever carries the mark is ours.
"""

import contextlib
import os
import signal
import time
from pathlib import Path

MARK = "DEV_PY_RUN"


def marked(mark: str) -> list[int]:
    """The living processes that carry `mark`. Empty where there is no /proc to look into."""
    needle = f"{MARK}={mark}".encode()
    return [int(entry.name) for entry in Path("/proc").glob("[0-9]*") if _carries(entry, needle)]


def end_all(mark: str, patience: float) -> None:
    """End every process that carries `mark`: ask, wait at most `patience` seconds, then force."""
    deadline = time.monotonic() + patience
    _signal(marked(mark), signal.SIGTERM)
    while (left := marked(mark)) and time.monotonic() < deadline:
        time.sleep(0.05)  # processes that are not our children cannot be waited for
    # Again and again, for one of them may be starting another in this very moment.
    while left:
        _signal(left, signal.SIGKILL)
        time.sleep(0.02)  # the kernel needs a moment to take a process away
        left = marked(mark)


def _carries(entry: Path, needle: bytes) -> bool:
    try:
        # A zombie has an empty environment, so it does not count as living.
        return needle in (entry / "environ").read_bytes().split(b"\0")
    except OSError:
        return False  # it has ended, or belongs to somebody else


def _signal(pids: list[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
