"""`python -m gateway`: binds the port and keeps its processes alive.

Rule: knows nothing of MCP and imports nothing of gevent. With one process it becomes that process; with more it
starts each anew when it dies, and ends them all when it is told to end.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from types import FrameType

from common.settings import read_or_exit
from gateway.settings import GatewaySettings

BACKLOG = 4096
# A process that dies at once would otherwise be started hundreds of times a second.
RESTART_SECONDS = 0.5
# The processes themselves stop after 25 s of draining; this only catches one that hangs.
STOP_SECONDS = 30
POLL_SECONDS = 0.1


def main() -> None:
    settings = read_or_exit(GatewaySettings, "gateway")
    try:
        listener = bind(settings.host, settings.port)
    except OSError as error:
        sys.exit(f"gateway: cannot listen on {settings.host} port {settings.port}: {error.strerror}.")
    command = [sys.executable, "-m", "gateway.process", str(listener.fileno())]
    if settings.processes == 1:
        os.execv(sys.executable, command)  # noqa: S606 - becomes a module of our own, without a shell
    sys.exit(Supervisor(command, listener).run(settings.processes))


def bind(host: str, port: int) -> socket.socket:
    """A listening socket that every process inherits: what one leaves unaccepted another takes."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(BACKLOG)
    listener.set_inheritable(True)
    return listener


class Supervisor:
    def __init__(self, command: list[str], listener: socket.socket) -> None:
        self._command = command
        self._listener = listener
        self._is_stopping = False

    def run(self, count: int) -> int:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        processes = [self._start() for _ in range(count)]
        while not self._is_stopping:
            time.sleep(POLL_SECONDS)
            for index, process in enumerate(processes):
                if process.poll() is not None:
                    print(f"gateway: process {process.pid} ended ({process.returncode}); starting another", flush=True)  # noqa: T201 - one line for the log
                    time.sleep(RESTART_SECONDS)
                    processes[index] = self._start()
        # While anybody holds the socket open, the kernel takes connections that nobody will accept.
        self._listener.close()
        for process in processes:
            process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        for process in processes:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
        return 0

    def _start(self) -> subprocess.Popen[bytes]:
        # The process ends by itself when its supervisor is no longer its parent.
        return subprocess.Popen([*self._command, str(os.getpid())], pass_fds=(self._listener.fileno(),))

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._is_stopping = True


if __name__ == "__main__":
    main()
