"""The servers of the matrix, each as its makers run it, and what each offers.

Rule: what a server offers is written down here, not asked of it. Those that speak over stdio stand behind the fronts
that people use: ours, which speaks both eras, and mcp-proxy, which knows legacy sessions only.
"""

import asyncio
import functools
import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from local.ports import HOST, free_port
from tests.conformance.fixture import build_server
from tests.conformance.node import installed, node_in
from tests.matrix.packages import environment_of
from tests.real.processes import RealProcess

# By the prefixes that they have in the workspace.
ERAS = {
    "modern": "2026-07-28",
    "legacy": "2025-11-25",
    "time": "2026-07-28",
    "every": "2025-11-25",
    "files": "2025-11-25",
    "memory": "2025-11-25",
}

FIXTURES = ("modern", "legacy")

OTHER_TOOLS = {
    "time": "get_current_time convert_time",
    # What it has for a client that declares nothing, but for `simulate-research-query`: that can be called as a task
    # only, which the gateway does not pass on.
    "every": """
        echo get-annotated-message get-env get-resource-links get-resource-reference get-structured-content get-sum
        get-tiny-image gzip-file-as-resource toggle-simulated-logging toggle-subscriber-updates
        trigger-long-running-operation
    """,
    "files": """
        create_directory directory_tree edit_file get_file_info list_allowed_directories list_directory
        list_directory_with_sizes move_file read_file read_media_file read_multiple_files read_text_file search_files
        write_file
    """,
    "memory": """
        add_observations create_entities create_relations delete_entities delete_observations delete_relations
        open_nodes read_graph search_nodes
    """,
}

OTHER_PROMPTS = {"every": "args-prompt completable-prompt resource-prompt simple-prompt"}

# What the memory knows before anybody tells it anything.
ENTITY = {"type": "entity", "name": "gate", "entityType": "door", "observations": ["The gate is painted green."]}


@functools.cache
def tools_of(server: str) -> frozenset[str]:
    if server in FIXTURES:
        return frozenset(tool.name for tool in asyncio.run(build_server().list_tools()))
    return frozenset(OTHER_TOOLS[server].split())


@functools.cache
def prompts_of(server: str) -> frozenset[str]:
    if server in FIXTURES:
        return frozenset(prompt.name for prompt in asyncio.run(build_server().list_prompts()))
    return frozenset(OTHER_PROMPTS.get(server, "").split())


class RunningUpstreams:
    """The URL of each, by its prefix, and the folder that `files` may write to."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._ports = {name: free_port() for name in (*FIXTURES, "time", "every", "proxy")}
        self.files = folder / "files"
        self.files.mkdir()
        self.urls = {name: f"http://{HOST}:{self._ports[name]}/mcp" for name in (*FIXTURES, "time", "every")}
        proxied = f"http://{HOST}:{self._ports['proxy']}/servers"
        self.urls |= {name: f"{proxied}/{name}/mcp" for name in ("files", "memory")}

    def processes(self) -> list[RealProcess]:
        return [self._process(name, command, {}) for name, command in self._commands().items()] + [self._everything()]

    def _commands(self) -> dict[str, list[str]]:
        fixture = [sys.executable, "-m", "tests.conformance.fixture"]
        front = [sys.executable, "-m", "examples.stdio_front"]
        proxy = [str(environment_of("mcp_one") / "mcp-proxy"), "--host", HOST]
        return {
            **{era: [*fixture, "--era", era, "--port", str(self._ports[era])] for era in FIXTURES},
            "time": [*front, "--port", str(self._ports["time"]), "--", sys.executable, "-m", "mcp_server_time"],
            "proxy": [*proxy, "--port", str(self._ports["proxy"]), "--named-server-config", str(self._behind_proxy())],
        }

    def _everything(self) -> RealProcess:
        command = _of_npm("server-everything", "streamableHttp")
        return self._process("every", command, {"PORT": str(self._ports["every"])})

    def _behind_proxy(self) -> Path:
        memory = self._folder / "memory.jsonl"
        memory.write_text(json.dumps(ENTITY) + "\n")
        commands = {
            "files": (_of_npm("server-filesystem", str(self.files)), {}),
            "memory": (_of_npm("server-memory"), {"MEMORY_FILE_PATH": str(memory)}),
        }
        servers = {
            name: {"command": command[0], "args": command[1:], "env": variables}
            for name, (command, variables) in commands.items()
        }
        path = self._folder / "proxied.json"
        path.write_text(json.dumps({"mcpServers": servers}))
        return path

    def _process(self, name: str, command: list[str], variables: dict[str, str]) -> RealProcess:
        health = f"http://{HOST}:{self._ports[name]}/"
        return RealProcess(command, variables, self._folder / f"{name}.log", health)


def _of_npm(server: str, *arguments: str) -> list[str]:
    modules = installed()
    return [str(node_in(modules)), str(modules / "@modelcontextprotocol" / server / "dist" / "index.js"), *arguments]


@contextmanager
def running_upstreams(folder: Path) -> Iterator[RunningUpstreams]:
    upstreams = RunningUpstreams(folder)
    processes = upstreams.processes()
    # The threads stay until the end: a process ends with the thread that has started it.
    with ThreadPoolExecutor(len(processes)) as threads:
        list(threads.map(RealProcess.start, processes))
        yield upstreams
        for process in processes:
            process.stop()
