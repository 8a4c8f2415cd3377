"""The child processes: started, kept alive, ended together.

Rule: a child that ends without being asked is started again, each time after a longer pause. Nothing it started is
left beside its successor. When the family ends, no process of it remains.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from local import ROOT
from local.console import Refused, say
from local.folder import Folder
from local.kin import MARK, end_all

FIRST_PAUSE = 0.5
LONGEST_PAUSE = 10.0
# After this long, a child has proved itself, and its next end counts as the first.
SECONDS_TO_PROVE = 30.0

# A process drains for at most 25 s when it is asked to stop.
PATIENCE = 26.0

LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Program:
    """What to start. `last_to_go` is for what the others need until they have ended."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    last_to_go: bool = False


@dataclass(slots=True)
class Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    ends: int = 0
    due: float = field(default=0.0)


class Family:
    """All children of one dev.py, and the guard that ends them should dev.py be killed."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._mark = secrets.token_hex(16)
        self._children: list[Child] = []
        self._guard = self._start_guard()

    @property
    def logs(self) -> Path:
        return self._folder.logs

    def start(self, program: Program) -> None:
        child = Child(program)
        self._folder.log(program.name).unlink(missing_ok=True)
        self._children.append(child)
        self._start(child)

    def tend(self) -> None:
        """See who has ended, and start again whose pause is over. Call it a few times a second."""
        if self._guard.poll() is not None:
            self._guard = self._start_guard()
        for child in self._children:
            if child.process is None:
                if time.monotonic() >= child.due:
                    self._start(child)
            elif (code := child.process.poll()) is not None:
                self._has_ended(child, code)

    def require_steady(self, tries: int = 3) -> None:
        """Refuse, with the end of its log, when a child has ended `tries` times: it will not come up."""
        for child in self._children:
            if child.ends >= tries:
                name = child.program.name
                raise Refused(f"{name} does not start. The end of {self._folder.log(name)}:\n{self._last_lines(name)}")

    def pid(self, name: str) -> int:
        """The living child of that name. Raises Refused when it is not running."""
        for child in self._children:
            if child.program.name == name and child.process:
                return child.process.pid
        raise Refused(f"{name} is not running.")

    def run(self, name: str, command: list[str], environment: Mapping[str, str]) -> str:
        """Run a program to its end and return what it printed; refuse with the end of its log when it fails."""
        with self._folder.log(name).open("wb") as log:
            done = subprocess.run(
                command,
                env={**environment, MARK: self._mark},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                check=False,
            )
        if done.returncode != 0:
            raise Refused(f"{name} failed. The end of {self._folder.log(name)}:\n{self._last_lines(name)}")
        return done.stdout.decode()

    def end(self) -> None:
        """Ask all to stop, wait for at most as long as they may drain, and force who is left."""
        deadline = time.monotonic() + PATIENCE
        for last in (False, True):
            these = [child for child in self._children if child.process and child.program.last_to_go is last]
            for child in these:
                _signal(child, signal.SIGTERM)
            for child in these:
                _wait(child, deadline)
        end_all(self._mark, patience=0)
        if self._guard.stdin:
            self._guard.stdin.close()
        self._guard.wait()

    def hurry(self) -> None:
        """Do not wait for anybody any longer."""
        for child in self._children:
            _signal(child, signal.SIGKILL)

    def _start(self, child: Child) -> None:
        with self._folder.log(child.program.name).open("ab") as log:
            child.process = subprocess.Popen(
                child.program.command,
                env={**child.program.environment, MARK: self._mark},
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # A Ctrl-C in the terminal is for us alone; the children are asked to stop in their order.
                start_new_session=True,
            )
        child.started = time.monotonic()

    def _has_ended(self, child: Child, code: int) -> None:
        # What it had started itself may hold its port or do its work: none of that may meet its successor.
        _signal(child, signal.SIGKILL)
        child.process = None
        now = time.monotonic()
        child.ends = 1 if now - child.started > SECONDS_TO_PROVE else child.ends + 1
        pause = min(FIRST_PAUSE * 2 ** (child.ends - 1), LONGEST_PAUSE)
        child.due = now + pause
        how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit {code}"
        say(f"{child.program.name} has ended ({how}); starting it again in {pause:g} s.")

    def _last_lines(self, name: str) -> str:
        lines = self._folder.log(name).read_text(errors="replace").splitlines()
        return "\n".join(f"  {line}" for line in lines[-LAST_LINES:])

    def _start_guard(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "local.guard", self._mark, str(self._folder.ready_file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            pass_fds=[self._folder.lock],
        )


def _signal(child: Child, number: signal.Signals) -> None:
    """To the program itself when it is asked to stop, for it tells its own; to its whole group when it is forced."""
    if child.process is None:
        return
    with suppress(ProcessLookupError, PermissionError):
        if number == signal.SIGKILL:
            os.killpg(child.process.pid, number)
        else:
            child.process.send_signal(number)


def _wait(child: Child, deadline: float) -> None:
    if child.process is None:
        return
    try:
        child.process.wait(max(0.1, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        say(f"{child.program.name} does not stop; ending it.")
    _signal(child, signal.SIGKILL)
    child.process.wait()
