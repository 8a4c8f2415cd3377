"""The official conformance suite, run against one URL, and what it found in each scenario.

    python -m tests.conformance.suite --url http://127.0.0.1:8080/ws/demo --token mwt_… --revision 2025-11-25

Rule: stricter than the suite, to which a warning is no fault. With a token, the suite speaks to a proxy that adds it;
the server behind has to take the proxy's address for its own (STOA_GATEWAY_URL=http://127.0.0.1:P, --proxy-port P).
"""

import argparse
import json
import subprocess
import tempfile
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.node import installed, node_in
from tests.conformance.proxy import bearer_proxy

REVISIONS = ("2026-07-28", "2025-11-25")

SUITE_SECONDS = 120  # a run takes six; a server that leaves every call open takes what is told to the suite below
SCENARIO_MILLISECONDS = 10_000
CLIENT_MILLISECONDS = 20_000  # they all start at once, and each starts a Python


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many checks of a scenario were successful, and what was wrong in the others."""

    successes: int
    faults: tuple[str, ...]


def run(url: str, revision: str) -> dict[str, Outcome]:
    """Every scenario of a revision for servers, also those that its score leaves out, by name."""
    return _run(["server", "--url", url, "--timeout", str(SCENARIO_MILLISECONDS)], revision, None)


def run_clients(command: str, revision: str, environment: dict[str, str]) -> dict[str, Outcome]:
    """Every scenario of a revision for clients; for each, `command` is run with the URL of a server at its end."""
    return _run(["client", "--command", command, "--timeout", str(CLIENT_MILLISECONDS)], revision, environment)


def _run(what: list[str], revision: str, environment: dict[str, str] | None) -> dict[str, Outcome]:
    modules = installed()
    suite = modules / "@modelcontextprotocol" / "conformance" / "dist" / "index.js"
    with tempfile.TemporaryDirectory() as folder:
        command = [node_in(modules), suite, *what, "--requirements", revision, "--output-dir", folder]
        # Its exit code says that something failed, which its results say better.
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=SUITE_SECONDS
        )
        outcomes = {_scenario(path, folder): _outcome(path) for path in sorted(Path(folder).rglob("checks.json"))}
    if not outcomes:
        raise RuntimeError(f"the suite did not run: {done.stdout[-1000:]}{done.stderr[-1000:]}")
    return outcomes


def as_good(outcomes: dict[str, Outcome], as_these: dict[str, Outcome]) -> set[str]:
    """The scenarios without a fault in which no check was passed over that was successful in `as_these`."""
    return {
        name
        for name, outcome in outcomes.items()
        if not outcome.faults and outcome.successes >= max(as_these[name].successes, 1)
    }


def _scenario(checks: Path, folder: str) -> str:
    """The scenario's name, of a folder called `server-NAME-2026-07-28T01-02-03-004Z`, or without `server-`."""
    name = str(checks.parent.relative_to(folder)).removeprefix("server-")
    return name[: -len("-2026-07-28T01-02-03-004Z")]


def _outcome(path: Path) -> Outcome:
    checks = json.loads(path.read_text())
    wrong = [check for check in checks if check["status"] in ("FAILURE", "WARNING")]
    faults = tuple(f"{check['id']}: {check.get('errorMessage', check['description'])}" for check in wrong)
    return Outcome(sum(check["status"] == "SUCCESS" for check in checks), faults)


def _front(chosen: argparse.Namespace) -> AbstractContextManager[str]:
    if chosen.token is None:
        return nullcontext(chosen.url)
    return bearer_proxy(chosen.url, chosen.token, chosen.proxy_port)


def main() -> None:
    parser = argparse.ArgumentParser(description="The official conformance suite against a server.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token", help="to be sent as a bearer token with every request")
    parser.add_argument("--proxy-port", type=int, default=0, help="where the proxy listens (default: a free port)")
    parser.add_argument("--revision", choices=REVISIONS, default=REVISIONS[0])
    chosen = parser.parse_args()
    with _front(chosen) as url:
        outcomes = run(url, chosen.revision)
    passed = as_good(outcomes, outcomes)
    for scenario, outcome in outcomes.items():
        print("✓" if scenario in passed else "✗", scenario, outcome.successes)
        for fault in outcome.faults:
            print("   ", fault)


if __name__ == "__main__":
    main()
