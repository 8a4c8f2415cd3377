"""Load by wrk: one thread, kept-alive connections, one call over and over.

Rule: a run with a single answer that is not 2xx, or a broken connection, does not count; while it runs, calls with
other ids and arguments are made beside it, and each answer is looked at.
"""

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench import Wrong
from bench.call import Call

SCRIPT = Path(__file__).with_name("call.lua")

SAMPLES_A_SECOND = 5


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk saw, times in milliseconds; `calls` are all that were answered, the sampled ones included."""

    calls: int
    calls_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float


def load(call: Call, connections: int, seconds: float) -> Load:
    """Load for `seconds`. Raises Wrong when an answer was not the right one."""
    if not shutil.which("wrk"):
        raise Wrong("wrk is not installed: apt-get install wrk.")
    with tempfile.NamedTemporaryFile() as body:
        body.write(call.body())
        body.flush()
        options = [f"-c{connections}", "-t1", f"-d{seconds:g}s", "--timeout", "10s", "-s", str(SCRIPT), call.url, "--"]
        headers = [f"{name}={value}" for name, value in call.headers.items()]
        with subprocess.Popen(["wrk", *options, body.name, *headers], stdout=subprocess.PIPE, text=True) as wrk:
            samples = _sample(call, wrk)
            said, _ = wrk.communicate()
    return parse_summary(said, samples)


def _sample(call: Call, wrk: subprocess.Popen[str]) -> int:
    """Calls made and looked at until wrk has ended."""
    number = 1000
    while wrk.poll() is None:
        try:
            call.require_right(number)
        except (Wrong, OSError):
            wrk.kill()
            raise
        number += 1
        try:
            wrk.wait(1 / SAMPLES_A_SECOND)
        except subprocess.TimeoutExpired:
            continue
    return number - 1000


def parse_summary(said: str, samples: int) -> Load:
    try:
        seen = json.loads(said.strip().splitlines()[-1])
    except (ValueError, IndexError):
        raise Wrong(f"wrk said nothing that can be read: {said!r}") from None
    if seen["non_2xx"] or seen["broken"] or not seen["requests"]:
        raise Wrong(f"Not every answer was right: {seen}")
    return Load(
        calls=seen["requests"] + samples,
        calls_per_second=round(seen["requests"] / seen["microseconds"] * 1e6, 1),
        p50_ms=seen["p50_us"] / 1000,
        p99_ms=seen["p99_us"] / 1000,
        max_ms=seen["max_us"] / 1000,
    )
