import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import ROOT
from local.console import Refused
from local.family import Family, Program
from local.folder import Folder
from tests.local.trees import is_running, pids, tree
from tests.real.processes import children_of
from tests.waiting import until


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Folder]:
    folder = Folder(tmp_path / "data")
    yield folder
    folder.leave()


@pytest.fixture
def family(folder: Folder) -> Iterator[Family]:
    family = Family(folder)
    yield family
    family.end()


def started(family: Family, report: Path, how: str = "apart") -> list[int]:
    family.start(tree(report, how))
    return until(lambda: pids(report))


def test_when_the_family_ends_so_do_children_that_made_sessions_of_their_own(folder: Folder, tmp_path: Path) -> None:
    family = Family(folder)
    processes = started(family, tmp_path / "report")
    assert all(is_running(pid) for pid in processes)
    family.end()
    assert not any(is_running(pid) for pid in processes)


def test_a_killed_child_is_started_again_and_nothing_of_the_old_one_is_left(
    family: Family, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report"
    outer, inner = started(family, report, "together")
    report.unlink()
    os.kill(outer, signal.SIGKILL)

    def again() -> list[int]:
        family.tend()
        return pids(report)

    until(again)
    assert not is_running(inner)
    assert "tree has ended (killed by SIGKILL); starting it again in 0.5 s." in capsys.readouterr().out


def test_a_child_that_keeps_ending_is_reported_with_the_end_of_its_log(family: Family) -> None:
    complaint = "import sys; sys.exit('SECRET_KEY is not set.')"
    family.start(Program("portal", (sys.executable, "-c", complaint), dict(os.environ)))

    def refusal() -> str:
        family.tend()
        try:
            family.require_steady(tries=1)
        except Refused as refused:
            return str(refused)
        return ""

    said = until(refusal)
    assert said.startswith("portal does not start.")
    assert said.endswith("  SECRET_KEY is not set.")


def test_a_program_that_fails_is_reported_with_the_end_of_its_log(family: Family) -> None:
    with pytest.raises(Refused, match=r"migrate failed(.|\n)*no such table"):
        family.run("migrate", [sys.executable, "-c", "import sys; sys.exit('no such table')"], dict(os.environ))


def test_a_program_hands_back_what_it_printed(family: Family) -> None:
    assert family.run("demo", [sys.executable, "-c", "print('{}')"], dict(os.environ)) == "{}\n"


HOLDER = """
import os, sys, time
from pathlib import Path
from local.family import Family
from local.folder import Folder
from tests.local.trees import tree
family = Family(Folder(Path(sys.argv[1])))
family.start(tree(Path(sys.argv[2])))
time.sleep(600)
"""


def test_when_its_holder_is_killed_nothing_of_the_family_is_left(tmp_path: Path) -> None:
    report = tmp_path / "report"
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "data"), str(report)]
    with subprocess.Popen(command, cwd=ROOT) as holder:
        processes = until(lambda: pids(report))
        assert all(is_running(pid) for pid in processes)
        holder.kill()
    until(lambda: not any(is_running(pid) for pid in processes))
    # The folder is free again only when they have gone, so that a new family never meets the old one.
    Folder(tmp_path / "data").leave()


def test_a_killed_guard_is_replaced(tmp_path: Path) -> None:
    report = tmp_path / "report"
    holder_of_tended = HOLDER.replace("time.sleep(600)", "\nwhile True:\n    family.tend()\n    time.sleep(0.05)")
    command = [sys.executable, "-c", holder_of_tended, str(tmp_path / "data"), str(report)]
    with subprocess.Popen(command, cwd=ROOT) as holder:
        processes = until(lambda: pids(report))
        first = until(lambda: guards_of(holder.pid))
        os.kill(first[0], signal.SIGKILL)
        until(lambda: (now := guards_of(holder.pid)) and now != first)
        holder.kill()
    until(lambda: not any(is_running(pid) for pid in processes))


def guards_of(holder: int) -> list[int]:
    """The living guards that `holder` has started."""
    return [pid for pid in children_of(holder) if is_running(pid) and "local.guard" in command_of(pid)]


def command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
    except OSError:
        return ""
