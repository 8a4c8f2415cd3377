"""A real portal for tests: gunicorn with threads, as the Procfile has it, on a free port of loopback."""

import sys
from collections.abc import Mapping
from pathlib import Path

from local.ports import free_port
from tests.real.processes import RealProcess


class RealPortal(RealProcess):
    def __init__(self, directory: Path, variables: Mapping[str, str]) -> None:
        self.port = free_port()
        own = {
            "STOA_PORTAL_URL": self.url,
            "STOA_ALLOW_PRIVATE_UPSTREAMS": "127.0.0.0/8",
            "SECRET_KEY": "only-for-tests-only-for-tests-only",
        }
        command = [sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "8"]
        command += ["--no-control-socket", "--bind", f"127.0.0.1:{self.port}", "webapp.wsgi:app"]
        super().__init__(command, own | dict(variables), directory / f"portal-{self.port}.log", f"{self.url}/healthz")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"
