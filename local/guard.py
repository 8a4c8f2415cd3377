"""A process that ends what dev.py started, should dev.py be killed.

    python -m local.guard MARK READY-FILE < pipe

Rule: it holds one end of a pipe whose other end only dev.py has. When that end closes, however dev.py came to its end,
the file that says that all is ready goes, and every process that carries the mark is ended. The guard carries no mark
itself and listens to no other request to stop.
"""

import signal
import sys
from pathlib import Path

from local.kin import end_all

# Long enough for Valkey to write its file and short enough for somebody who wants to start again.
PATIENCE = 3.0


def main(mark: str, ready_file: Path) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    ready_file.unlink(missing_ok=True)
    end_all(mark, PATIENCE)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
