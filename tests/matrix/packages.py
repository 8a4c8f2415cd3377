"""What the matrix runs beside this project's own environment: packages of npm, and environments of Python.

    python -m tests.matrix.packages     installs all of it

Rule: clients that want other versions of a package than ours have an environment of their own, made from a lock.
"""

import sys
from pathlib import Path

import pytest

from local.console import Refused
from local.environment import fill, make_empty
from tests.caches import filled
from tests.conformance.node import installed, require_npm

LOCKS = Path(__file__).parent / "requirements"


def environment_of(name: str) -> Path:
    """The folder `bin` of the environment for requirements/<name>.txt. Skips the test where it cannot be made."""
    lock = LOCKS / f"{name}.txt"

    def make(folder: Path) -> None:
        try:
            make_empty(folder)
            fill(folder / "bin" / "python", lock)
        except Refused as refusal:
            pytest.skip(f"the packages of {lock.name} are missing: {refusal}")

    # An environment goes on with the Python that it was made with.
    return filled(f"{lock.read_text()}{sys.version}{sys.base_prefix}", make) / "bin"


def main() -> None:
    require_npm()
    print(installed())
    for lock in sorted(LOCKS.glob("*.txt")):
        print(environment_of(lock.stem))


if __name__ == "__main__":
    main()
