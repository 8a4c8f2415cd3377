"""Log levels of MCP, from the most verbose to the least.

Rule: pure.
"""

# RFC 5424 §6.2.1, the most verbose first.
LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

# What counts as the level of a session in which none was set.
UNSET = len(LEVELS)

_RANKS = {level: rank for rank, level in enumerate(LEVELS)}


def rank_of(level: str) -> int:
    """The lower the more verbose; UNSET for what is no level."""
    return _RANKS.get(level, UNSET)
