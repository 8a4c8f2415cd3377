"""What tests start as it is deployed: a command on a free port, with its log, until it answers."""

import os
import signal
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.waiting import until

ROOT = Path(__file__).parents[2]
START_SECONDS = 60.0  # starting takes a second; the rest is for a crowded machine
STOP_SECONDS = 35.0  # a process drains for at most 25 s

# What the shell around the tests has set for an installation of its own must not reach theirs.
OURS = ("STOA_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "WEB_CONCURRENCY")


class RealProcess:
    """`health` is an address that answers without a 5xx once the process serves."""

    def __init__(self, command: Sequence[str], variables: Mapping[str, str], log: Path, health: str) -> None:
        self._command = list(command)
        self._variables = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self._variables.update(variables)
        self._log = log
        self._health = health
        self.process: subprocess.Popen[bytes] | None = None

    def also(self, variables: Mapping[str, str]) -> None:
        """More settings, for the next start."""
        self._variables.update(variables)

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, cwd=ROOT, env=self._variables, stdin=subprocess.DEVNULL, stdout=log, stderr=log
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


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
