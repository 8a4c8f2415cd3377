"""`dev.py up`: from nothing to a gateway that answers, and a watch on it."""

import os
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from local import programs
from local.console import say
from local.database import is_up_to_date
from local.environment import make_environment
from local.family import Family
from local.folder import Folder
from local.ports import HOST, answers, free_port, require_free
from local.programs import Ports
from local.readiness import wait_for, wait_until_ready
from local.servers import Server, private_networks
from local.welcome import Demo, facts, greet, parse_demo

BETWEEN_LOOKS = 0.2


class Stopped(BaseException):
    """Somebody asked us to stop. Not an Exception, so that nothing on the way takes it for a fault."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the caller asked for. No `servers` and `demo`: the demo brings its own."""

    data: Path
    ports: Ports
    workers: int
    servers: list[Server]
    demo: bool


def up(wishes: Wishes, given: Mapping[str, str]) -> int:
    """Run everything until SIGINT or SIGTERM; returns the exit code. Raises Refused when it cannot."""
    folder = Folder(wishes.data)
    try:
        folder.withdraw()
        require_free(wishes.ports.portal, "--web-port")
        require_free(wishes.ports.gateway, "--gateway-port")
        _on_signals(_stop)
        make_environment()
        os.umask(0o077)  # what the children write holds keys and tokens
        return _run(Family(folder), folder, wishes, given)
    except Stopped:
        return 0
    finally:
        folder.leave()


def _run(family: Family, folder: Folder, wishes: Wishes, given: Mapping[str, str]) -> int:
    try:
        demo = _bring_up(family, folder, wishes, given)
        folder.announce(facts(wishes.ports, demo))
        greet(wishes.ports, demo)
        while True:
            time.sleep(BETWEEN_LOOKS)  # a signal ends the pause at once
            family.tend()
    except Stopped:
        say("Stopping …")
        return 0
    finally:
        _on_signals(lambda *_: family.hurry())
        folder.withdraw()
        family.end()


def _bring_up(family: Family, folder: Folder, wishes: Wishes, given: Mapping[str, str]) -> Demo | None:
    """Start everything in order; returns when all answers."""
    began = time.monotonic()
    environment = _settings(folder, wishes, given)
    if "REDIS_URL" not in given:
        socket = folder.socket()
        family.start(programs.valkey(socket, environment))
        wait_for("Valkey", family, socket.is_socket)
    # What takes long to start is started first, and goes on while the next step is taken.
    demo_ports = _start_demo_servers(family, environment) if wishes.demo and not wishes.servers else {}
    if "DATABASE_URL" in given or not is_up_to_date(folder.database):
        say("Bringing the database up to date …")
        family.run("migrate", programs.MIGRATE, environment)
    say("Starting portal, gateway, worker and ingest …")
    family.start(programs.portal(environment, wishes.ports.portal))
    family.start(programs.gateway(environment, wishes.ports.gateway, wishes.workers))
    for port in demo_ports.values():
        wait_for("A demo server", family, lambda port=port: answers(port))
    servers = wishes.servers or [Server(prefix, f"http://{HOST}:{port}/mcp") for prefix, port in demo_ports.items()]
    demo = _make_demo(family, folder, servers, environment) if wishes.demo else None
    family.start(programs.worker(environment))
    family.start(programs.ingest(environment))
    wait_until_ready("The gateway", family, wishes.ports.gateway)
    wait_until_ready("The portal", family, wishes.ports.portal)
    say(f"Everything answers ({time.monotonic() - began:.1f} s).")
    return demo


def _settings(folder: Folder, wishes: Wishes, given: Mapping[str, str]) -> dict[str, str]:
    environment = programs.settings(
        given,
        keys=folder.keys(),
        database_url=folder.database_url,
        redis_url=f"unix://{folder.socket()}",
        ports=wishes.ports,
    )
    allowed = [environment["STOA_ALLOW_PRIVATE_UPSTREAMS"], *private_networks(wishes.servers)]
    return {**environment, "STOA_ALLOW_PRIVATE_UPSTREAMS": ",".join(filter(None, allowed))}


def _start_demo_servers(family: Family, environment: Mapping[str, str]) -> dict[str, int]:
    """Start them and return their ports by their prefixes; they do not answer yet."""
    say("Starting two demo servers …")
    ports = {"time": free_port(), "example": free_port()}
    for program in programs.demo_servers(environment, ports["time"], ports["example"]):
        family.start(program)
    return ports


def _make_demo(family: Family, folder: Folder, servers: list[Server], environment: Mapping[str, str]) -> Demo:
    say("Making the demo workspace …")
    told = family.run("demo", programs.make_demo(folder.path / "demo.json", servers), environment)
    for line in folder.log("demo").read_text().splitlines():
        # Beside its log, in JSON, it says in plain words which server it could not add and why.
        if not line.startswith("{"):
            say(line)
    return parse_demo(told)


def _on_signals(act: Callable[..., object]) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        # Who was started with nohup is not to mind when the terminal goes.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, act)


def _stop(*_: object) -> None:
    raise Stopped
