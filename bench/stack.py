"""What is measured, running: Valkey, a gateway, and cheap upstreams.

Rule: the gateway does all of its job. Only its bounds are wider than the product's own, by settings that it has for
this, so that the ring and the counters do their work and refuse nobody.
"""

import os
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench import Wrong
from bench.call import LEGACY, MODERN, Call
from bench.usage import cpu_seconds, family_of, resident_mib
from local import programs
from local.console import Refused
from local.family import Family, Program
from local.folder import Folder
from local.ports import HOST, answers, free_port
from local.programs import Ports
from local.readiness import wait_for, wait_until_ready
from local.servers import Server
from local.welcome import Demo, parse_demo

SOURCE = Path(__file__).with_name("upstream.c")

# Windows so short that the ring refuses nobody, and room for every connection of the load under its one token.
UNBOUNDED = {"STOA_RATE_WINDOW": "0.000001", "STOA_MAX_CONCURRENT_CALLS": "10000"}


@dataclass(frozen=True, slots=True)
class Stack:
    family: Family
    gateway_port: int
    upstream_ports: dict[str, int]
    demo: Demo

    def through_gateway(self, client: str, server: str) -> Call:
        """A call by a client of one era to the server of another or the same."""
        url = f"http://{HOST}:{self.gateway_port}/ws/{self.demo.workspace['slug']}"
        return Call(url, client, f"{server}__echo", self.demo.token).opened()

    def straight(self, era: str) -> Call:
        """The same call without a gateway between."""
        return Call(f"http://{HOST}:{self.upstream_ports[era]}/mcp", era, "echo").opened()

    def cpu_seconds(self) -> dict[str, float]:
        return {name: cpu_seconds(self._pids(name)) for name in self._names()}

    def resident_mib(self) -> dict[str, float]:
        return {name: round(resident_mib(self._pids(name)), 1) for name in self._names()}

    def _names(self) -> list[str]:
        return ["gateway", "valkey", *self.upstream_ports]

    def _pids(self, name: str) -> list[int]:
        return family_of(self.family.pid(name))


@contextmanager
def running(processes: int) -> Iterator[Stack]:
    """A stack of its own in a new folder, gone afterwards. Raises Wrong when it does not come up."""
    with tempfile.TemporaryDirectory(prefix="stoa-bench-", dir="/tmp") as place:
        folder = Folder(Path(place) / "data")
        family = Family(folder)
        try:
            yield _bring_up(family, folder, processes)
        except Refused as refused:
            raise Wrong(str(refused)) from None
        finally:
            family.end()
            folder.leave()


def _bring_up(family: Family, folder: Folder, processes: int) -> Stack:
    inherited = programs.without_ours(os.environ)
    ports = Ports(portal=free_port(), gateway=free_port())
    environment = programs.settings(
        {**inherited, **UNBOUNDED},
        keys=folder.keys(),
        database_url=folder.database_url,
        redis_url=f"unix://{folder.socket()}",
        ports=ports,
    )
    upstream_ports = {era: free_port() for era in (LEGACY, MODERN)}
    binary = compile_upstream(folder.path)
    for era, port in upstream_ports.items():
        family.start(Program(era, (binary, str(port), era), inherited))
    family.start(programs.valkey(folder.socket(), environment))
    wait_for("Valkey", family, folder.socket().is_socket)
    family.run("migrate", programs.MIGRATE, environment)
    family.start(programs.gateway(environment, ports.gateway, processes))
    for port in upstream_ports.values():
        wait_for("An upstream", family, lambda port=port: answers(port))
    servers = [Server(era, f"http://{HOST}:{port}/mcp") for era, port in upstream_ports.items()]
    demo = parse_demo(family.run("demo", programs.make_demo(folder.path / "demo.json", servers), environment))
    wait_until_ready("The gateway", family, ports.gateway)
    return Stack(family, ports.gateway, upstream_ports, demo)


def compile_upstream(place: Path) -> str:
    """The upstream, compiled for this machine."""
    binary = str(place / "upstream")
    try:
        done = subprocess.run(["cc", "-O2", "-o", binary, str(SOURCE)], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise Wrong("There is no C compiler (cc): apt-get install gcc libc6-dev.") from None
    if done.returncode != 0:
        raise Wrong(f"The upstream does not compile:\n{done.stderr}")
    return binary
