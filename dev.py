#!/usr/bin/env python3
"""Stoa on one machine: `up` starts everything, `test` runs the suite, `bench` measures, `soak` torments.

Needs Python 3.11 and nothing else; the first run makes an environment in .venv. The work is done in local/, which
uses the standard library only. This file stays readable for an older Python, so that it can say what it needs.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036 — the tool believes that no older Python comes here; newcomers have one
    sys.exit("dev.py needs Python 3.11 or newer, and this is {}.{}.".format(*sys.version_info))

import os

from local.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
