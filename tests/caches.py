"""Folders outside the tree that are filled once for all checkouts of a machine.

Rule: a folder is named after all that it was filled from, so what is in it never changes; nobody else can put anything
into it, since what is in it is run.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

CACHE = Path(tempfile.gettempdir()) / f"stoa-tests-of-{os.getuid()}"
COMPLETE = ".complete"


def filled(wanted: str, fill: Callable[[Path], None]) -> Path:
    """The folder for `wanted`, which `fill` has put everything into; what it raises is raised."""
    CACHE.mkdir(mode=0o700, exist_ok=True)
    if CACHE.lstat().st_uid != os.getuid():
        raise PermissionError(f"{CACHE} belongs to somebody else, and what is in it would be run")
    folder = CACHE / hashlib.sha256(wanted.encode()).hexdigest()[:16]
    # Other processes wait here for the one that fills it.
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / COMPLETE).exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            fill(folder)
            (folder / COMPLETE).touch()
    return folder
