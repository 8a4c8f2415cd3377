"""What dev.py says: a line for each step, and one when it cannot go on."""

import sys


class Refused(Exception):
    """dev.py cannot go on; the message is the line that says why and what to do."""


def say(line: str = "") -> None:
    try:
        print(line, flush=True)
    except BrokenPipeError:
        # Whoever read our lines has gone; what we run goes on without them.
        sys.stdout = open("/dev/null", "w")  # noqa: SIM115 — it takes the place of the output to the end
