"""The vendored assets are the files that the lock names."""

import shutil
from pathlib import Path

import pytest

from tools.vendor_assets import VENDOR, differences, main, read_lock


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    return Path(shutil.copytree(VENDOR, tmp_path / "vendor"))


def test_the_committed_files_are_those_of_the_lock() -> None:
    assert differences() == []
    assert main(["--check"]) == 0


def test_every_package_is_pinned_to_a_version() -> None:
    packages = {package for package, _ in read_lock().values()}
    assert packages
    assert all("@" in package[1:] for package in packages)


def test_a_changed_a_missing_and_a_stray_file_are_named(copy: Path) -> None:
    (copy / "htmx.js").write_text("alert(1)")
    (copy / "tabler.css").unlink()
    (copy / "stray.js").write_text("")
    assert differences(copy) == [
        "stray.js is not in the lock.",
        "htmx.js is not the file that the lock names.",
        "tabler.css is in the lock but not here.",
    ]
