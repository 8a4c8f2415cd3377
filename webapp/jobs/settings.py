"""The settings of the worker, of beat and of the ingest.

Rule: read once, at the start. The broker is a plain Redis, and need not be the one that admission uses.
"""

from dataclasses import dataclass, field
from typing import Self

from common.settings import Environment, SharedSettings, shared_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSettings(SharedSettings):
    broker_url: str = field(repr=False)

    @classmethod
    def read(cls, environment: Environment) -> Self:
        fields = shared_fields(environment)
        return cls(broker_url=environment.text("STOA_BROKER_URL", fields["redis_url"]), **fields)
