import ast
import subprocess
import sys

from local import ROOT

DEV = ROOT / "dev.py"


def test_it_can_be_read_by_an_old_python_which_is_told_what_is_needed() -> None:
    ast.parse(DEV.read_text(), feature_version=(3, 4))
    pretend = "import sys; sys.version_info = (3, 9, 2); import runpy; runpy.run_path(sys.argv[1], run_name='__main__')"
    done = subprocess.run([sys.executable, "-c", pretend, DEV], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "dev.py needs Python 3.11 or newer, and this is 3.9.\n"


def test_its_part_needs_nothing_but_the_standard_library() -> None:
    done = subprocess.run(
        [sys.executable, "-E", "-S", DEV, "--help"], capture_output=True, text=True, check=False, cwd="/"
    )
    assert done.returncode == 0, done.stderr
    assert "up" in done.stdout
