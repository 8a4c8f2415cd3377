"""The command line of dev.py."""

import argparse
import os
from collections.abc import Callable, Mapping
from pathlib import Path

from local import ROOT
from local.console import Refused, say
from local.environment import make_environment
from local.programs import Ports
from local.servers import parse_servers
from local.up import Wishes, up

# With arguments, pytest does as it is told. Tests of a file share what they started, so a file stays on one process.
WHOLE_SUITE = ["-n", "2", "--dist", "loadfile"]


def main(arguments: list[str], given: Mapping[str, str]) -> int:
    """Run a command; what it cannot do is one line and exit code 1."""
    # An empty variable is one that is not set, as it is for the product.
    given = {name: value for name, value in given.items() if value}
    # Everything after these goes to pytest, the benches and the soaks as it stands, options included.
    if arguments[:1] == ["test"]:
        return _guarded(lambda: _become("pytest", arguments[1:] or WHOLE_SUITE, given))
    if arguments[:1] == ["bench"]:
        return _guarded(lambda: _become("bench", arguments[1:], given))
    if arguments[:1] == ["soak"]:
        return _guarded(lambda: _become("soaks", arguments[1:], given))
    chosen = _parser().parse_args(arguments)
    return _guarded(lambda: up(_wishes(chosen), given))


def _guarded(command: Callable[[], int]) -> int:
    try:
        return command()
    except Refused as refusal:
        say(str(refusal))
        return 1
    except KeyboardInterrupt:
        return 130


def _become(module: str, arguments: list[str], given: Mapping[str, str]) -> int:
    """Turn this process into another one, so that signals and the exit code are that one's."""
    python = str(make_environment())
    os.chdir(ROOT)
    os.execve(python, [python, "-m", module, *arguments], dict(given))


def _wishes(chosen: argparse.Namespace) -> Wishes:
    servers = parse_servers(chosen.server)
    if servers and not chosen.demo:
        raise Refused("--server puts servers in the demo workspace, and --no-demo leaves that out: choose one.")
    if chosen.web_port == chosen.gateway_port:
        raise Refused("Portal and gateway each need a port of their own.")
    return Wishes(
        data=chosen.data,
        ports=Ports(chosen.web_port, chosen.gateway_port),
        workers=chosen.workers,
        servers=servers,
        demo=chosen.demo,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="dev.py", description="Stoa on one machine.")
    commands = parser.add_subparsers(required=True)
    start = commands.add_parser("up", help="start everything and print how to use it")
    start.add_argument("--data", type=Path, default=ROOT / "var", metavar="DIR", help="what is kept (default: var/)")
    start.add_argument("--web-port", type=_port, default=8000, metavar="P", help="of the portal (default: 8000)")
    start.add_argument("--gateway-port", type=_port, default=8080, metavar="P", help="of the gateway (default: 8080)")
    start.add_argument("--workers", type=_count, default=1, metavar="N", help="gateway processes (default: 1)")
    start.add_argument(
        "--server",
        action="append",
        default=[],
        metavar="[PREFIX=]URL",
        help="an MCP server of yours for the demo workspace, in place of the demo's; may be given again",
    )
    start.add_argument("--no-demo", dest="demo", action="store_false", help="no demo workspace and no demo servers")
    commands.add_parser("test", help="run the test suite; all arguments go to pytest", add_help=False)
    commands.add_parser("bench", help="measure; takes names of benches, --list shows them", add_help=False)
    commands.add_parser("soak", help="torment it for a while; without a name it lists the soaks", add_help=False)
    return parser


def _port(text: str) -> int:
    return _between(text, 1, 65535)


def _count(text: str) -> int:
    return _between(text, 1, 64)


def _between(text: str, low: int, high: int) -> int:
    if not text.isascii() or not text.isdigit() or not low <= int(text) <= high:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from {low} to {high}")
    return int(text)
