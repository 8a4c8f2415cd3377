"""What tests start as it is deployed: a command on a free port, with its log, until it answers."""

import ctypes
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from local import ROOT
from local.programs import without_ours
from tests.waiting import until

PR_SET_PDEATHSIG = 1
START_SECONDS = 60.0  # starting takes a second; the rest is for a crowded machine
STOP_SECONDS = 35.0  # a process drains for at most 25 s

_libc = ctypes.CDLL(None)  # looked up before any fork: between fork and exec, a child may do very little


class RealProcess:
    """`health` is an address that answers without a 5xx once the process serves. It dies with the tests."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path, health: str) -> None:
        self._command = list(command)
        self._variables = environment(variables)
        self._log = log
        self._health = health
        self.process: subprocess.Popen[bytes] | None = None

    def also(self, variables: Mapping[str, str]) -> None:
        """More settings, for the next start."""
        self._variables.update(variables)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command,
                cwd=ROOT,
                env=self._variables,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                preexec_fn=dying_with_the_tests(signal.SIGKILL),
            )
        until(self._is_up_or_dead, START_SECONDS)
        if self.process.poll() is not None:
            raise RuntimeError(f"{self._command} did not start: {self.log()[-3000:]}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(STOP_SECONDS)
            self.process = None

    def log(self) -> str:
        return self._log.read_text()

    def _is_up_or_dead(self) -> bool:
        if self.process is None or self.process.poll() is not None:
            return True
        try:
            with urllib.request.urlopen(self._health, timeout=1) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            return error.code < 500  # it serves, if not at this address
        except OSError:
            return False


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """These settings, and nothing that the shell around the tests has set for an installation of its own."""
    return {**without_ours(os.environ), **variables}


def dying_with_the_tests(number: signal.Signals) -> Callable[[], object]:
    """What a process does between fork and exec, so that it gets this signal when the tests are killed."""
    return lambda: _libc.prctl(PR_SET_PDEATHSIG, number)


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
