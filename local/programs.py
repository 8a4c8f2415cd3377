"""The processes of one installation: what each is started with.

The same as the Procfile says, on loopback addresses, with beat inside the worker, for one machine needs one of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.environment import PYTHON, binary, valkey_server
from local.family import Program
from local.ports import HOST
from local.servers import Server

# The demo's servers run on this machine. The product refuses private addresses unless its operator allows them.
LOOPBACK = ("127.0.0.0/8", "::1/128")

# What the shell around us has set for an installation of its own.
OURS = ("STOA_", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "PORT", "WEB_CONCURRENCY")

FLASK = [str(PYTHON), "-m", "flask", "--app", "webapp.wsgi"]
MIGRATE = [*FLASK, "db", "upgrade"]


@dataclass(frozen=True, slots=True)
class Ports:
    portal: int
    gateway: int


def without_ours(environment: Mapping[str, str]) -> dict[str, str]:
    """The environment as it would be had nobody set anything for an installation."""
    return {name: value for name, value in environment.items() if not name.startswith(OURS)}


def settings(
    given: Mapping[str, str], *, keys: Mapping[str, str], database_url: str, redis_url: str, ports: Ports
) -> dict[str, str]:
    """The environment of every process: what the caller has set wins, the rest is filled in."""
    return {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "STOA_PORTAL_URL": f"http://localhost:{ports.portal}",
        "STOA_GATEWAY_URL": f"http://localhost:{ports.gateway}",
        "STOA_ALLOW_PRIVATE_UPSTREAMS": ",".join(LOOPBACK),
        **keys,
        **given,
        "PYTHONUNBUFFERED": "1",  # the logs show a line when it is written
    }


def valkey(socket: Path, environment: Mapping[str, str]) -> Program:
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
        # The title would be written over the environment by which we know our own.
        "set-proc-title": "no",
    }
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    return Program("valkey", (valkey_server(), *words), environment, last_to_go=True)


def portal(environment: Mapping[str, str], port: int) -> Program:
    command = ["gunicorn", "--worker-class", "gthread", "--workers", "1", "--threads", "8", "--no-control-socket"]
    address = ["--bind", f"{HOST}:{port}", "webapp.wsgi:app"]
    return Program("portal", (str(PYTHON), "-m", *command, *address), environment)


def gateway(environment: Mapping[str, str], port: int, workers: int) -> Program:
    environment = {**environment, "PORT": str(port), "WEB_CONCURRENCY": str(workers)}
    return Program("gateway", (str(PYTHON), "-m", "gateway"), environment)


def worker(environment: Mapping[str, str]) -> Program:
    command = ["celery", "-A", "webapp.jobs.celery", "worker", "--beat", "--concurrency", "1"]
    return Program("worker", (str(PYTHON), "-m", *command), environment)


def ingest(environment: Mapping[str, str]) -> Program:
    return Program("ingest", (str(PYTHON), "-m", "webapp.jobs.ingest"), environment)


def make_demo(state: Path, servers: Sequence[Server]) -> list[str]:
    """The command that makes the demo workspace and keeps what it made in `state`."""
    return [*FLASK, "operator", "demo", "--state", str(state), *(f"--server={server}" for server in servers)]


def demo_servers(environment: Mapping[str, str], time_port: int, example_port: int) -> list[Program]:
    front = [str(PYTHON), "-m", "examples.stdio_front", "--port", str(time_port), "--", binary("mcp-server-time")]
    example = [str(PYTHON), "-m", "examples.notes_server", "--port", str(example_port)]
    return [Program("demo-time", tuple(front), environment), Program("demo-example", tuple(example), environment)]
