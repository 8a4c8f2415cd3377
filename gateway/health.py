"""Health: alive, and able.

Rule: able means that tokens can be checked, so Redis must answer; a database that is down does not stop the
tokens that Redis knows, and must not take this process out of service. No secrets in either answer.
"""

import msgspec

from gateway.recorder import Recorder

PATHS = ("/healthz", "/readyz")


class Health:
    """`redis_answers` is at most a second old."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self.redis_answers = False
        self.is_draining = False

    def answer(self, path: str) -> tuple[int, bytes]:
        """Status and body."""
        if path == "/healthz":
            return 200, b'{"status":"alive"}'
        checks = {
            "redis": self.redis_answers,
            "records": not self._recorder.is_full,
            "serving": not self.is_draining,
        }
        is_ready = all(checks.values())
        body = msgspec.json.encode({"status": "ready" if is_ready else "not ready", **checks})
        return 200 if is_ready else 503, body
