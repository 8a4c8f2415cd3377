"""The command line of the benches.

python3 dev.py bench                       the headline: legacy to legacy and modern to modern
python3 dev.py bench modern-to-legacy      one cell of the translation
python3 dev.py bench --keep first          keep the figures in bench/results/ under that name
"""

import argparse
import json
import os
import platform
import subprocess
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from bench import Wrong
from bench.measure import ALONE, CELLS, HEADLINE, Figure, measure
from bench.stack import running

RESULTS = Path(__file__).with_name("results")

COLUMNS = ("bench", "c", "calls/s", "p50 ms", "p99 ms", "gateway µs", "valkey µs", "upstream µs", "gateway MiB")


def main() -> int:
    chosen = _arguments()
    if chosen.list:
        print("\n".join([*ALONE, *CELLS]))
        return 0
    try:
        with running(chosen.processes) as stack:
            figures = measure(stack, chosen.names, chosen.connections, chosen.seconds, chosen.rounds, _tell)
    except Wrong as wrong:
        print(wrong, file=sys.stderr)
        return 1
    report = {**_circumstances(chosen), "figures": [asdict(figure) for figure in figures]}
    if chosen.keep:
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"{datetime.now(UTC):%Y-%m-%d}-{chosen.keep}.json"
        path.write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2) if chosen.json else _table(figures))
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="dev.py bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="which benches (default: the headline)")
    parser.add_argument("--list", action="store_true", help="show the names and end")
    parser.add_argument("--connections", type=_counts, default=[1, 16, 64], metavar="N,N,…", help="default: 1,16,64")
    parser.add_argument("--seconds", type=float, default=5, help="per round (default: 5)")
    parser.add_argument("--rounds", type=int, default=3, help="the median counts (default: 3)")
    parser.add_argument("--processes", type=int, default=1, help="of the gateway (default: 1)")
    parser.add_argument("--json", action="store_true", help="print all figures as JSON")
    parser.add_argument("--keep", metavar="NAME", help="keep the figures in bench/results/")
    chosen = parser.parse_args()
    if unknown := set(chosen.names) - ALONE.keys() - CELLS.keys():
        parser.error(f"there is no bench {min(unknown)}; --list shows them")
    chosen.names = chosen.names or HEADLINE
    return chosen


def _counts(text: str) -> list[int]:
    return [int(word) for word in text.split(",")]


def _circumstances(chosen: argparse.Namespace) -> dict[str, object]:
    """What the figures depend on beside the code."""
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit.stdout.strip() or None,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": os.cpu_count(),
        "gateway_processes": chosen.processes,
        "seconds": chosen.seconds,
    }


def _table(figures: list[Figure]) -> str:
    rows = [COLUMNS, *(_row(figure) for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    return "\n".join("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows)


def _row(figure: Figure) -> tuple[str, ...]:
    cpu = figure.cpu_us
    upstream = cpu["legacy"] + cpu["modern"]
    return (
        figure.bench,
        str(figure.connections),
        f"{figure.calls_per_second:,.0f}",
        f"{figure.p50_ms:.2f}",
        f"{figure.p99_ms:.2f}",
        f"{figure.gateway_us:.1f}",
        f"{cpu['valkey']:.1f}",
        f"{upstream:.1f}",
        f"{figure.resident_mib['gateway']:.0f}",
    )


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
