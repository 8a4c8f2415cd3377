import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench.stack import compile_upstream
from local.ports import HOST, answers, free_port
from tests.waiting import until


@pytest.fixture(scope="session")
def upstream_binary(tmp_path_factory: pytest.TempPathFactory) -> str:
    if not shutil.which("cc"):
        pytest.skip("there is no C compiler (cc) to compile the benches' upstream with")
    return compile_upstream(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def start_upstream(upstream_binary: str) -> Iterator[Callable[[str], str]]:
    """Starts the benches' upstream in an era; returns its URL."""
    with ExitStack() as running:

        def start(era: str) -> str:
            port = free_port()
            process = running.enter_context(subprocess.Popen([upstream_binary, str(port), era]))
            running.callback(process.terminate)
            until(lambda: answers(port))
            return f"http://{HOST}:{port}/mcp"

        yield start


@pytest.fixture
def wrk() -> Path:
    found = shutil.which("wrk")
    if not found:
        pytest.skip("wrk is not installed: apt-get install wrk")
    return Path(found)
