"""The data folder: everything that one installation on this machine keeps.

Rule: one dev.py at a time works in a folder, and nobody but its owner reads what is in it.
"""

import base64
import contextlib
import fcntl
import json
import os
import secrets
import tempfile
import time
from pathlib import Path

from local.console import Refused

# A Unix socket's address has 108 bytes, the last of them a zero.
LONGEST_SOCKET_PATH = 107

# What a killed dev.py left behind ends within the guard's patience; wait a little longer than that.
SECONDS_FOR_LEFTOVERS = 10


class Folder:
    """A data folder that this process holds until `leave()`."""

    def __init__(self, path: Path) -> None:
        self.path = path.absolute()
        _make_private(self.path)
        _make_private(self.logs)
        self.lock = self._take()
        self._short: tempfile.TemporaryDirectory[str] | None = None

    @property
    def database(self) -> Path:
        return self.path / "stoa.db"

    @property
    def database_url(self) -> str:
        return f"sqlite:///{self.database}"

    @property
    def ready_file(self) -> Path:
        return self.path / "ready.json"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    def log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def socket(self) -> Path:
        """Where the embedded Valkey listens: in the folder, or in a short one when the path would be too long."""
        path = self.path / "valkey" / "valkey.sock"
        _make_private(path.parent)
        if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
            return path
        self._short = self._short or tempfile.TemporaryDirectory(prefix="stoa-", dir="/tmp")
        return Path(self._short.name) / "valkey.sock"

    def keys(self) -> dict[str, str]:
        """The keys of this installation, made once; losing them makes what is sealed unreadable for good."""
        path = self.path / "keys.env"
        if not path.exists():
            master = base64.b64encode(secrets.token_bytes(32)).decode()
            write_private(path, f"STOA_MASTER_KEYS={master}\nSECRET_KEY={secrets.token_hex(32)}\n")
        pairs = (line.partition("=") for line in path.read_text().splitlines() if "=" in line)
        return {name: value for name, _, value in pairs}

    def announce(self, facts: dict[str, object]) -> None:
        write_private(self.ready_file, json.dumps(facts, indent=2) + "\n")

    def withdraw(self) -> None:
        self.ready_file.unlink(missing_ok=True)

    def leave(self) -> None:
        self.withdraw()
        if self._short:
            self._short.cleanup()
        os.close(self.lock)

    def _take(self) -> int:
        """Hold the folder's lock. It is shared with the guard, so that it outlives us until our children are gone."""
        lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + SECONDS_FOR_LEFTOVERS
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                holder = int(os.pread(lock, 20, 0) or b"0")
                if _is_alive(holder) or time.monotonic() > deadline:
                    os.close(lock)
                    raise Refused(
                        f"Another dev.py (process {holder}) works in {self.path}; stop it, or give another --data."
                    ) from None
                time.sleep(0.1)  # a lock cannot be waited for with a deadline
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d" % os.getpid(), 0)
        return lock


def write_private(path: Path, text: str) -> None:
    """Write a whole file that only its owner reads; a reader sees the old text or the new, never half."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)


def _make_private(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Refused(f"The data folder {path} cannot be made: {error.strerror}.") from None
    if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
        raise Refused(f"The data folder {path} belongs to another user; give another one with --data.")


def _is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError):
        if pid:
            os.kill(pid, 0)
        return pid > 0
    return False
