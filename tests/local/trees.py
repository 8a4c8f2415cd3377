"""Stand-ins for the product's processes: one that starts another in a session of its own, as some do."""

import os
import sys
from pathlib import Path

from local.family import Program

# The inner process does not listen to requests to stop, so that only force ends it.
INNER = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)"
OUTER = f"""
import os, subprocess, sys, time
inner = subprocess.Popen([sys.executable, "-c", {INNER!r}], start_new_session=(sys.argv[2] == "apart"))
with open(sys.argv[1] + ".draft", "w") as file:
    file.write(f"{{os.getpid()}} {{inner.pid}}")
os.replace(sys.argv[1] + ".draft", sys.argv[1])
time.sleep(600)
"""


def tree(report: Path, how: str = "apart") -> Program:
    """A program that writes its pid and its child's to `report`; `how` is apart or together."""
    return Program("tree", (sys.executable, "-c", OUTER, str(report), how), dict(os.environ))


def pids(report: Path) -> list[int]:
    """The pids in a report, or nothing while it is not there."""
    return [int(word) for word in report.read_text().split()] if report.exists() else []


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
