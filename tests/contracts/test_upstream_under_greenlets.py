"""What holds for `upstream` in threads, as in the portal, holds under gevent, as in the gateway."""

import os
import subprocess
import sys

import pytest

SUITES = [
    "tests/upstream/test_breaker.py",
    "tests/upstream/test_client.py",
    "tests/upstream/test_fake_talk.py",
    "tests/upstream/test_faults.py",
    "tests/upstream/test_parties.py",
    "tests/upstream/test_resuming.py",
    "tests/upstream/test_sessions.py",
    "tests/upstream/test_watches.py",
    "tests/upstream/test_wire.py",
]


@pytest.mark.parametrize("suite", SUITES)
def test_the_same_suite_passes_with_patched_sockets_and_threads(suite: str) -> None:
    # The subprocess is a session of its own: what xdist tells its workers by the environment is not for it.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    command = [sys.executable, "-m", "gevent.monkey", "--module", "pytest", "-q", "-p", "no:cacheprovider", suite]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-2000:]
