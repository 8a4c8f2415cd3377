"""What came out of a soak: broken promises, and figures.

Rule: a broken promise is a sentence with what shows it.
"""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Report:
    broken: list[str]
    figures: dict[str, Any]
