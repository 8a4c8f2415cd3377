"""A place: one environment of a workspace, alike for all its tokens.

Rule: pure. Lists, watches and open streams are kept by place; nothing of one place is told at another.
"""

from typing import NamedTuple


class Place(NamedTuple):
    slug: str
    environment: str
