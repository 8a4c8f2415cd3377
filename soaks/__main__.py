"""The command line of the soaks.

python3 dev.py soak                    what there is
python3 dev.py soak chaos              run one; it ends with 1 when a promise was broken
python3 dev.py soak chaos --keep       keep what came out in docs/soaks/, and write docs/soaks.md anew
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, NamedTuple

from soaks import Wrong, chaos, pages, streams
from soaks.chaos_verdict import report_on
from soaks.report import Report
from soaks.stack import running


class Soak(NamedTuple):
    line: str
    add_options: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], Report]


def main() -> int:
    chosen = _arguments()
    if not chosen.soak:
        print("\n".join(f"{name:<8}  {soak.line}" for name, soak in SOAKS.items()))
        return 0
    try:
        report = SOAKS[chosen.soak].run(chosen)
    except Wrong as wrong:
        _tell(str(wrong))
        return 1
    kept = {"soak": chosen.soak, **_circumstances(chosen), "broken": report.broken, "figures": report.figures}
    print(pages.render_section(kept))
    if chosen.keep:
        pages.keep(kept)
    for sentence in report.broken:
        _tell(f"BROKEN: {sentence}")
    return 1 if report.broken else 0


def _arguments() -> argparse.Namespace:
    formats = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(prog="dev.py soak", description=__doc__, formatter_class=formats)
    soaks = parser.add_subparsers(dest="soak", metavar="NAME")
    for name, soak in SOAKS.items():
        options = soaks.add_parser(name, help=soak.line, description=f"{name}: {soak.line}.")
        soak.add_options(options)
        options.add_argument("--processes", type=int, default=1, help="of the gateway (default: 1)")
        options.add_argument("--keep", action="store_true", help="keep what came out in docs/soaks/")
    return parser.parse_args()


def _chaos_options(options: argparse.ArgumentParser) -> None:
    options.add_argument("--seconds", type=float, default=60, help="of torment (default: 60)")
    options.add_argument("--clients", type=int, default=32, help="half of them of either era (default: 32)")
    options.add_argument("--timeout", type=int, default=3, help="of a call, in seconds (default: 3)")
    options.add_argument("--seed", type=int, default=None, help="of an earlier run, for the same faults again")


def _chaos(chosen: argparse.Namespace) -> Report:
    seed = chaos.new_seed() if chosen.seed is None else chosen.seed
    chosen.seed = seed
    _tell(f"seed {seed}")
    wishes = chaos.Wishes(chosen.seconds, chosen.clients, seed, chosen.timeout, calm=chaos.RECOVERY_SECONDS + 1)
    with running(chosen.processes) as (place, folder):
        return report_on(chaos.run(place, folder, wishes, _tell))


def _streams_options(options: argparse.ArgumentParser) -> None:
    options.add_argument("--count", type=int, default=10_000, help="of streams of each era (default: 10000)")
    options.add_argument("--idle", type=float, default=30, help="seconds of nothing to be measured (default: 30)")
    options.add_argument("--eras", nargs="*", choices=streams.ERAS, default=streams.ERAS, help="of clients")


def _streams(chosen: argparse.Namespace) -> Report:
    wishes = streams.Wishes(chosen.count, chosen.idle)
    streams.raise_limit(wishes.count)
    reports: dict[str, Report] = {}
    for era in chosen.eras:
        with running(chosen.processes) as (place, folder):
            reports[era] = streams.run(place, folder, era, wishes, _tell)
    return Report(
        broken=[sentence for report in reports.values() for sentence in report.broken],
        figures={era: report.figures for era, report in reports.items()},
    )


SOAKS = {
    "chaos": Soak("servers are killed, stopped, slowed and restarted while clients call", _chaos_options, _chaos),
    "streams": Soak("thousands of open streams: their memory, their CPU, a change, a cut", _streams_options, _streams),
}


def _circumstances(chosen: argparse.Namespace) -> dict[str, Any]:
    """What the figures depend on beside the code."""
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    options = {name: value for name, value in vars(chosen).items() if name not in ("soak", "keep", "eras")}
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "options": options,
    }


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
