"""`dev.py up` from outside: started, used, killed, started again."""

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import ROOT
from local.kin import MARK
from local.ports import free_port
from tests.local.trees import is_running
from tests.real.processes import children_of
from tests.waiting import until

pytestmark = pytest.mark.slow

SECONDS_TO_COME_UP = 60


@dataclass(frozen=True, slots=True)
class Running:
    """A `dev.py up` that is running."""

    process: subprocess.Popen[str]
    data: Path
    output: Path

    def facts(self) -> dict[str, Any]:
        return json.loads((self.data / "ready.json").read_text())

    def said(self) -> list[str]:
        return self.output.read_text().splitlines()

    def kin(self) -> list[int]:
        """Whoever it has started: its children, and whoever carries the same mark as one of them."""
        children = children_of(self.process.pid)
        marks = {mark for child in children if (mark := mark_of(child))}
        everybody = [int(entry.name) for entry in Path("/proc").glob("[0-9]*")]
        return children + [one for one in everybody if mark_of(one) in marks]


def mark_of(pid: int) -> bytes | None:
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return None
    return next((one for one in variables if one.startswith(f"{MARK}=".encode())), None)


@contextmanager
def up(data: Path, output: Path, *options: str) -> Iterator[Running]:
    """A `dev.py up` that answers; ended afterwards, if the test has not done so."""
    ports = ["--web-port", str(free_port()), "--gateway-port", str(free_port())]
    command = [sys.executable, "dev.py", "up", "--data", str(data), *ports, *options]
    with output.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, stdout=file, stderr=file, text=True)
    running = Running(process, data, output)
    try:
        until(lambda: "Ctrl-C ends it." in running.said() or process.poll() is not None, SECONDS_TO_COME_UP)
        assert process.poll() is None, output.read_text()
        yield running
    finally:
        process.terminate()
        process.wait(timeout=30)


def stop(running: Running, how: signal.Signals = signal.SIGTERM) -> None:
    """End it, and see that nobody is left."""
    kin = running.kin()
    assert len(kin) > 6
    running.process.send_signal(how)
    code = running.process.wait(timeout=30)
    until(lambda: not any(is_running(pid) for pid in kin))
    assert code == (-how if how == signal.SIGKILL else 0)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    place = tmp_path_factory.mktemp("up")
    with up(place / "data", place / "output", "--workers", "2") as running:
        yield running
        stop(running)


def status(url: str) -> int:
    with urllib.request.urlopen(url, timeout=10) as response:
        return response.status


def list_tools(running: Running) -> list[str]:
    """The tools that the printed curl line lists, when pasted into a shell."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed, and the printed line is one for curl")
    line = next(line for line in running.said() if line.startswith("curl "))
    answer = subprocess.run(["sh", "-c", line], capture_output=True, text=True, check=True).stdout
    return sorted(tool["name"] for tool in json.loads(answer)["result"]["tools"])


def test_portal_and_gateway_are_ready_where_it_says(running: Running) -> None:
    facts = running.facts()
    assert status(f"{facts['portal_url']}/readyz") == 200
    assert status(f"{facts['gateway_url']}/readyz") == 200


def test_the_facts_are_complete_and_private(running: Running) -> None:
    path = running.data / "ready.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    facts = running.facts()
    assert facts.keys() == {"portal_url", "gateway_url", "email", "password", "workspace", "token", "mcp_json"}
    server = facts["mcp_json"]["mcpServers"][facts["workspace"]["slug"]]
    assert server["url"] == f"{facts['gateway_url']}/ws/{facts['workspace']['slug']}"
    assert server["headers"] == {"Authorization": f"Bearer {facts['token']}"}


def test_the_curl_line_lists_the_tools_of_both_demo_servers(running: Running) -> None:
    tools = list_tools(running)
    assert "time__get_current_time" in tools
    assert "example__add" in tools


def test_a_second_one_on_the_same_folder_is_one_line(running: Running) -> None:
    command = [sys.executable, "dev.py", "up", "--data", str(running.data)]
    second = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert second.returncode == 1
    assert second.stderr == ""
    expected = (
        f"Another dev.py (process {running.process.pid}) works in {running.data}; stop it, or give another --data."
    )
    assert second.stdout.strip() == expected


def test_each_child_can_be_killed_and_everything_works_again(running: Running) -> None:
    for child in children_of(running.process.pid):
        os.kill(child, signal.SIGKILL)
        until(lambda child=child: not is_running(child))
    until(lambda: len([line for line in running.said() if "has ended (killed by SIGKILL)" in line]) >= 6)
    until(lambda: works(running), seconds=40, every=0.2)


def works(running: Running) -> bool:
    facts = running.facts()
    try:
        ready = [status(f"{facts[url]}/readyz") for url in ("portal_url", "gateway_url")]
        return ready == [200, 200] and "time__get_current_time" in list_tools(running)
    except (OSError, KeyError, ValueError):
        return False


def test_a_second_run_finds_what_the_first_one_left_also_after_a_kill(tmp_path: Path) -> None:
    kept = ("email", "password", "workspace", "token")
    with up(tmp_path / "data", tmp_path / "first") as first:
        facts = first.facts()
        stop(first, signal.SIGKILL)
    assert not (tmp_path / "data" / "ready.json").exists()
    with up(tmp_path / "data", tmp_path / "second", "--server", "http://127.0.0.1:9/mcp") as second:
        again = second.facts()
        assert {name: again[name] for name in kept} == {name: facts[name] for name in kept}
        assert list_tools(second) == []
        stop(second, signal.SIGINT)
    assert not (tmp_path / "data" / "ready.json").exists()


def test_without_a_demo_the_facts_say_so(tmp_path: Path) -> None:
    with up(tmp_path / "data", tmp_path / "output", "--no-demo") as running:
        assert running.facts()["token"] is None
        stop(running)
