"""A server that soaks torment, seen from outside: a process on a port.

Rule: it is ended with the soak, in whatever state it is. Its port stays the same, whoever listens there meanwhile.
"""

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Self

from local import ROOT
from local.ports import HOST, answers, free_port
from soaks import Wrong

SECONDS_TO_START = 20.0  # it takes 0.1 s; the rest is for a crowded machine
BETWEEN_LOOKS = 0.01


class SoakedServer:
    """`name` is the prefix of its tools in the workspace; `folder` holds the log of what has reached it."""

    def __init__(self, name: str, era: str, folder: Path) -> None:
        self.name, self.era, self.port = name, era, free_port()
        self._log = folder / f"{name}.nonces"
        self._process: subprocess.Popen[str] | None = None

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}/mcp"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        """Returns when it answers."""
        command = [sys.executable, "-m", "soaks.upstream", self.era, str(self.port), str(self._log)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, text=True)
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(self.port):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise Wrong(f"The server {self.name} did not start.")
            time.sleep(BETWEEN_LOOKS)  # there is nothing to wait on before it listens

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            if self._process.stdin:
                self._process.stdin.close()
            self._process = None

    def stop(self) -> None:
        """It lives, and its port takes connections, but it does nothing."""
        self._living().send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        self._living().send_signal(signal.SIGCONT)

    def slow(self, seconds: float) -> None:
        """Hold back for so long every answer to what arrives from now on."""
        self._order(f"slow {seconds}")

    def change(self) -> None:
        """Offer another list of tools, and tell whoever listens."""
        self._order("changed")

    def reached(self) -> Counter[str]:
        """How often each nonce has reached it."""
        return Counter(self._log.read_text().split()) if self._log.exists() else Counter()

    def _order(self, line: str) -> None:
        orders = self._living().stdin
        if orders:
            orders.write(f"{line}\n")
            orders.flush()

    def _living(self) -> "subprocess.Popen[str]":
        if self._process is None:
            raise Wrong(f"The server {self.name} is not running.")
        return self._process
