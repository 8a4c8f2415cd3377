"""Identifiers: time-ordered UUIDs (RFC 9562 §5.7, version 7).

Rule: an id says nothing but roughly when it was made; nobody may rely on more than uniqueness.
"""

import secrets
import uuid

from common import clock


def new_id() -> uuid.UUID:
    milliseconds = clock.now_us() // 1000
    randomness = secrets.randbits(74)
    value = (milliseconds & (1 << 48) - 1) << 80 | 0x7 << 76 | randomness >> 62 << 64 | 0b10 << 62
    return uuid.UUID(int=value | randomness & (1 << 62) - 1)


def find_id(text: str) -> uuid.UUID | None:
    """The UUID that the text spells, or None for anything else."""
    try:
        return uuid.UUID(text)
    except ValueError:
        return None
