"""The processes of the Procfile, on what requirements.txt brings alone."""

import os
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis

from local import ROOT
from local.environment import fill, make_empty
from local.ports import free_port
from local.readiness import find_lack
from tests.cast import make_settings, variables_of
from tests.real.postgres import RealPostgres
from tests.real.processes import dying_with_the_tests, environment
from tests.waiting import until

pytestmark = pytest.mark.slow

START_SECONDS = 90.0  # all together take five; the rest is for a crowded machine
STOP_SECONDS = 35.0  # a process drains for at most 25 s

LINES = dict(re.findall(r"^(\w+): (.+)$", (ROOT / "Procfile").read_text(), re.MULTILINE))


class Started:
    """A line of the Procfile, running."""

    def __init__(self, line: str, variables: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                ["sh", "-c", line],
                cwd=ROOT,
                env=variables,
                stdin=subprocess.DEVNULL,
                stdout=file,
                stderr=file,
                preexec_fn=dying_with_the_tests(signal.SIGTERM),
            )

    def wait_for(self, is_there: Callable[[], bool]) -> None:
        until(lambda: is_there() or self.process.poll() is not None, START_SECONDS, every=0.1)
        assert self.process.poll() is None, self.said()

    def said(self) -> str:
        return self._log.read_text()


Start = Callable[..., Started]


@pytest.fixture
def start(postgres: RealPostgres, redis_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a line of the Procfile in an environment that holds what requirements.txt says."""
    venv = tmp_path / "venv"
    make_empty(venv)
    fill(venv / "bin" / "python", ROOT / "requirements.txt")
    settings = variables_of(make_settings(postgres.create_database(), redis_url)) | {
        "SECRET_KEY": "only-for-tests-only-for-tests-only",
        "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
    }
    with ExitStack() as running:

        def start(name: str, **variables: str) -> Started:
            log = tmp_path / f"{name}{variables.get('PORT', '')}.log"
            started = Started(LINES[name], environment(settings | variables), log)
            running.callback(started.process.wait)
            running.callback(started.process.kill)
            return started

        yield start


def test_every_process_starts_and_ends_in_order(start: Start, redis_url: str) -> None:
    release = start("release")
    assert release.process.wait(START_SECONDS) == 0, release.said()

    ports = [free_port() for _ in range(3)]
    web = start("web", PORT=str(ports[0]))
    web_as_gateway = start("web", PORT=str(ports[1]), STOA_ROLE="gateway")
    gateway = start("gateway", PORT=str(ports[2]))
    worker, beat, ingest = start("worker"), start("beat"), start("ingest")
    for serving, port in zip((web, web_as_gateway, gateway), ports, strict=True):
        serving.wait_for(lambda port=port: not find_lack(port))
    assert "gunicorn" in web.said()
    assert "gunicorn" not in web_as_gateway.said()
    worker.wait_for(lambda: "relay_outbox" in worker.said())  # beat has woken it
    ingest.wait_for(lambda: reads_streams(redis_url))

    everyone = (web, web_as_gateway, gateway, worker, beat, ingest)
    for one in everyone:
        one.process.terminate()
    assert [one.process.wait(STOP_SECONDS) for one in everyone] == [0] * len(everyone), [one.said() for one in everyone]


def reads_streams(redis_url: str) -> bool:
    with Redis.from_url(redis_url) as client:
        return any("xreadgroup" in str(known["cmd"]) for known in client.client_list())
