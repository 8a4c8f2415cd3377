"""The schedule: which job wakes up how often.

Rule: a wake-up that nobody took in time is dropped, since the next one does its work too.
"""

from typing import Any

RELAY_SECONDS = 2.0

SCHEDULE: dict[str, dict[str, Any]] = {
    "relay-outbox": {
        "task": "relay_outbox",
        "schedule": RELAY_SECONDS,
        "options": {"expires": 2 * RELAY_SECONDS},
    },
}
