"""The caller: whose token it is, and which environment it leads to.

Rule: opaque to admission, which hands it out with every answer; written when a token is loaded, read here only.
"""

import uuid
from functools import lru_cache
from typing import NamedTuple


class Caller(NamedTuple):
    """Ids in 32 hex digits; `member` is '' for a bot's token."""

    token: str
    environment: str
    member: str


NOBODY = Caller("", "", "")


def render_caller(token_id: uuid.UUID, environment: str, member_id: uuid.UUID | None) -> str:
    return f"{token_id.hex}|{environment}|{member_id.hex if member_id else ''}"


@lru_cache(maxsize=8192)  # asked for several times a call, and nearly always for the same few
def parse_caller(ref: str) -> Caller:
    return Caller(*ref.split("|")) if ref else NOBODY
