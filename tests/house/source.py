"""The project's own files, as the house tests read them."""

import ast
import subprocess
from collections.abc import Iterator
from functools import cache

from local import ROOT

PRODUCT = ("common", "upstream", "webapp", "gateway", "cli")
OURS = (*PRODUCT, "bench", "soaks", "examples", "local", "tools", "tests", "dev.py")

# What others have made and we only pass on.
VENDORED = ("webapp/static/vendor/",)


@cache
def paths() -> tuple[str, ...]:
    """Every file of the project, relative to its root, tracked or about to be."""
    listing = subprocess.run(
        # Also where the tree belongs to somebody else, as it may in a container.
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    names = sorted(set(listing.stdout.split("\0")) - {""})
    return tuple(name for name in names if not name.startswith(VENDORED) and (ROOT / name).is_file())


def python(*tops: str) -> Iterator[str]:
    """The paths of the Python files under `tops`."""
    return (path for path in paths() if path.endswith(".py") and path.split("/")[0] in (tops or OURS))


@cache
def text(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8", errors="replace")


@cache
def tree(path: str) -> ast.Module:
    return ast.parse(text(path), path)
