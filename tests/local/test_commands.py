import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from local import ROOT
from local.commands import main
from local.ports import HOST


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        (["--server", "nonsense"], "is not [PREFIX=]URL"),
        (["--no-demo", "--server", "http://localhost:1/"], "choose one"),
        (["--web-port", "8080", "--gateway-port", "8080"], "a port of their own"),
    ],
)
def test_wishes_that_make_no_sense_are_one_line(
    options: list[str], complaint: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["up", "--data", str(tmp_path), *options], os.environ) == 1
    said = capsys.readouterr().out
    assert complaint in said
    assert said.count("\n") == 1


def test_a_taken_port_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server((HOST, 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["up", "--data", str(tmp_path), "--web-port", str(port)], os.environ) == 1
    said = capsys.readouterr().out
    assert said == f"Port {port} cannot be used (Address already in use); choose another with --web-port.\n"


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "٣"])
def test_what_is_no_port_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["up", f"--web-port={port}"], os.environ)
    assert ended.value.code == 2
    assert "is not a number from 1 to 65535" in capsys.readouterr().err


def test_a_soak_without_a_name_lists_what_there_is() -> None:
    said = subprocess.run([sys.executable, "dev.py", "soak"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert [line.split()[0] for line in said.stdout.splitlines()[-2:]] == ["chaos", "streams"]
