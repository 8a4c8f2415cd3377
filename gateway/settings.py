"""The gateway's settings."""

from dataclasses import dataclass
from typing import Self

from common.settings import Environment, SharedSettings, shared_fields


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewaySettings(SharedSettings):
    """`port` 0 takes a free one. Sizes in bytes. Of one token in one process, `max_concurrent` counts the calls under
    way, the streams that answer them included, and `max_open_streams` those that only listen."""

    host: str
    port: int
    processes: int
    max_body: int
    max_result: int
    max_concurrent: int
    max_open_streams: int

    @classmethod
    def read(cls, environment: Environment) -> Self:
        return cls(
            **shared_fields(environment),
            host=environment.text("STOA_HOST", "127.0.0.1"),
            port=environment.integer("PORT", 8080, minimum=0, maximum=65535),
            processes=environment.integer("WEB_CONCURRENCY", 1, minimum=1, maximum=64),
            max_body=environment.integer("STOA_MAX_REQUEST", 4 << 20, minimum=1024, maximum=64 << 20),
            max_result=environment.integer("STOA_MAX_RESULT", 16 << 20, minimum=1024, maximum=256 << 20),
            max_concurrent=environment.integer("STOA_MAX_CONCURRENT_CALLS", 64, minimum=1, maximum=100_000),
            max_open_streams=environment.integer("STOA_MAX_OPEN_STREAMS", 256, minimum=1, maximum=100_000),
        )
