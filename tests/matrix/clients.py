"""The clients of the matrix, and how each is run: once, over all servers, telling what it saw.

Rule: a client is what its makers publish, driven through its public interface by a small script in drivers/.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from local import ROOT
from tests.conformance.node import installed, node_in
from tests.matrix.packages import environment_of
from tests.matrix.plans import Step

DRIVERS = Path(__file__).parent / "drivers"

# What a client does when it is alone on a machine takes five seconds; the rest is for a crowded one.
SECONDS = 120

# Starting is most of what they do, and keeps a core busy each.
AT_ONCE = 3

MODERN = "2026-07-28"
LEGACY = "2025-11-25"

Seen = dict[str, Any]


class Client(NamedTuple):
    """`driver` is the script that drives it, `mode` what that is told; `revision` is what it ends up speaking."""

    name: str
    driver: str
    mode: str
    revision: str
    # The options of mcp-remote, where that stands between the client and the gateway.
    remote: tuple[str, ...] | None = None


ALL = (
    Client("python-auto", "mcp_two", "auto", MODERN),
    Client("python-legacy", "mcp_two", "legacy", LEGACY),
    Client("python-modern", "mcp_two", MODERN, MODERN),
    Client("python-before-2", "mcp_one", "", LEGACY),
    Client("fastmcp", "fastmcp_four", "", MODERN),
    Client("typescript-sdk", "typescript_sdk.mjs", "", LEGACY),
    Client("typescript-auto", "typescript_client.mjs", "auto", MODERN),
    Client("typescript-legacy", "typescript_client.mjs", "legacy", LEGACY),
    Client("inspector-legacy", "inspector.mjs", "legacy", LEGACY),
    Client("inspector-auto", "inspector.mjs", "auto", MODERN),
    Client("inspector-modern", "inspector.mjs", "modern", MODERN),
    # A legacy client and a modern one behind it as it comes, and a legacy one for which it speaks the modern era.
    Client("remote-legacy", "mcp_two", "legacy", LEGACY, ()),
    Client("remote-modern", "mcp_two", "auto", MODERN, ()),
    Client("remote-bridging", "mcp_two", "legacy", LEGACY, ("--protocol", "auto")),
)

BY_NAME = {client.name: client for client in ALL}

# Each command of the inspector prints one result.
WITH_SDK = tuple(client.name for client in ALL if client.driver != "inspector.mjs")


def walk_all(plans: dict[str, list[Step]], url: str, token: str, folder: Path) -> dict[str, Seen]:
    """What each client saw on its plan, by the name of the client and then of the step."""
    groups = [[client for client in ALL if _group(client) == group] for group in dict.fromkeys(map(_group, ALL))]

    def run(clients: list[Client]) -> dict[str, Seen]:
        runs = [_run(client, plans[client.name], url, token, folder) for client in clients]
        return _drive(clients[0].driver, runs, folder)

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return {name: seen for found in threads.map(run, groups) for name, seen in found.items()}


def _group(client: Client) -> str:
    """Clients of one group share a process; each mcp-remote takes its time, and has one for itself."""
    return client.driver if client.remote is None else client.name


def _run(client: Client, steps: list[Step], url: str, token: str, folder: Path) -> dict[str, Any]:
    run: dict[str, Any] = {"client": client.name, "mode": client.mode, "url": url, "token": token, "steps": steps}
    if client.remote is not None:
        modules = installed()
        own = folder / client.name
        script = str(modules / "mcp-remote" / "dist" / "proxy.js")
        options = ["--transport", "http-only", "--silent", *client.remote, "--header", f"Authorization:Bearer {token}"]
        run["command"] = [str(node_in(modules)), script, url, *options]
        run["variables"] = {"MCP_REMOTE_CONFIG_DIR": str(own), "HOME": str(folder)}
    return run


def _drive(driver: str, runs: Iterable[dict[str, Any]], folder: Path) -> dict[str, Seen]:
    own = {"HOME": str(folder), "MCP_INSPECTOR_SECRET_STORE": "memory"}
    done = subprocess.run(
        COMMANDS[driver](driver),
        input=json.dumps(list(runs)),
        cwd=ROOT,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    if done.returncode != 0:
        return {run["client"]: {"fault": done.stderr[-3000:]} for run in runs}
    return json.loads(done.stdout)


def _own_python(driver: str) -> list[str]:
    return [sys.executable, "-m", f"tests.matrix.drivers.{driver}"]


def _other_python(driver: str) -> list[str]:
    return [str(environment_of(driver) / "python"), "-m", f"tests.matrix.drivers.{driver}"]


def _node(driver: str) -> list[str]:
    modules = installed()
    return [str(node_in(modules)), str(DRIVERS / driver), str(modules)]


COMMANDS: dict[str, Callable[[str], list[str]]] = {
    "mcp_two": _own_python,
    "mcp_one": _other_python,
    "fastmcp_four": _other_python,
    "typescript_sdk.mjs": _node,
    "typescript_client.mjs": _node,
    "inspector.mjs": _node,
}
