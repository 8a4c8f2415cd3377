"""The plans, and what each allows.

Rule: `None` means unlimited. Pure: limits are looked up here and checked where the row is inserted.
"""

from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Plan:
    """Counts are per account (`workspaces`, `calls_per_month`) or per workspace (the others)."""

    name: str
    title: str
    workspaces: int | None
    members: int | None
    servers: int | None
    secrets: int | None
    calls_per_month: int | None
    call_log_days: int | None


_ALL = (
    Plan("free", "Free", 3, 1, 5, 10, 5_000, 1),
    Plan("starter", "Starter", 10, 5, 15, 50, 50_000, 7),
    Plan("pro", "Pro", 50, 20, 50, 200, 500_000, 30),
    Plan("business", "Business", 200, 100, 200, 1_000, 5_000_000, 90),
    Plan("enterprise", "Enterprise", None, None, None, None, None, None),
)

PLANS = MappingProxyType({plan.name: plan for plan in _ALL})
