"""The import rule holds: the contracts of .importlinter, and what a linter of packages does not see."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from tests.house.source import PRODUCT, ROOT, python, text, tree


def test_every_contract_of_the_import_rule_is_kept(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command; lint_imports_command()"]
    done = subprocess.run(
        [*command, "--cache-dir", str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def imported(path: str) -> set[str]:
    """The top packages that a file imports."""
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
    return names


def test_dev_py_and_its_part_use_the_standard_library_only() -> None:
    for path in python("local", "dev.py"):
        assert imported(path) - sys.stdlib_module_names <= {"local"}, path


def test_the_command_line_client_imports_nothing_of_the_product() -> None:
    for path in python("cli"):
        assert not imported(path) & set(PRODUCT) - {"cli"}, path


def test_the_product_imports_nothing_but_itself_and_what_its_own_lock_installs() -> None:
    """What its makers need on top is installed on their machines only, so it would be missed in production first."""
    locked = {canonical(line.partition("==")[0]) for line in text("requirements.txt").splitlines() if "==" in line}
    origins = packages_distributions()
    for path in python(*PRODUCT, "migrations"):
        for name in imported(path) - sys.stdlib_module_names - set(PRODUCT):
            assert {canonical(origin) for origin in origins.get(name, ())} & locked, f"{path} imports {name}"


def canonical(name: str) -> str:
    """A distribution's name as the lock spells it, whatever its own packaging does."""
    return name.strip().lower().replace("_", "-").replace(".", "-")
