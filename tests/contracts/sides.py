"""Both sides of admission, and the few things that a test does with them."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from redis import Redis

from common import redis_keys
from common.admission.ask import Asker
from common.admission.memory import MemoryAsker, MemoryPublisher
from common.admission.publish import Publisher
from common.admission.records import (
    SESSION_MS,
    Answer,
    Question,
    TokenRecord,
    Verdict,
    WorkspaceRecord,
    parse_record,
)

SLUG = "demo"
DANA = hashlib.sha256(b"the token of Dana, a bot").digest()
ERIK = hashlib.sha256(b"the token of Erik, another bot").digest()
TOKEN = TokenRecord(limit=0, expires_us=0, version=1, ref="dana|prod|-")
WORKSPACE = WorkspaceRecord("active", version=7, limit=120)
HOUR_US = 3_600_000_000
SESSION = "0" * 32  # one that a test keeps, with `keep_session` or `write_session`
OTHER_SESSION = "f" * 32  # one that nobody keeps


@dataclass
class Sides:
    """One Redis, or what stands for it: who asks, who publishes, and what may befall it."""

    publisher: Publisher | MemoryPublisher
    make_asker: Callable[..., Asker | MemoryAsker]
    restart: Callable[[], None]
    flush: Callable[[], object]
    list_records: Callable[[], list[tuple[str, Mapping[str, str | int | bytes]]]]
    keep_session: Callable[[str, bytes, int], None]  # id, state, the life it has left in ms
    left_of_session: Callable[[str], int]  # how many ms of life; less than 0: there is none

    def load(
        self,
        asker: Asker | MemoryAsker,
        token: TokenRecord | None = TOKEN,
        workspace: WorkspaceRecord | None = WORKSPACE,
        digest: bytes = DANA,
        slug: str = SLUG,
    ) -> bool:
        lease = asker.lease(slug, digest, "loader", token=True, workspace=True)
        return asker.publish(lease, token, workspace)


def write_session(client: Redis, id: str = SESSION, state: bytes = b"state", left_ms: int = SESSION_MS) -> None:
    key = redis_keys.mcp_session(SLUG, DANA, id)
    client.hset(key, "state", state)  # type: ignore[arg-type]  # redis-py types text only
    client.pexpire(key, left_ms)


def read_records(client: Redis, slug: str = SLUG) -> list[tuple[str, Mapping[str, str | int | bytes]]]:
    entries: Any = client.execute_command("XRANGE", redis_keys.calls(redis_keys.shard(slug)), "-", "+")
    return [(fields[b"id"].decode(), parse_record(fields[b"record"])) for _, fields in entries]


def question(
    call_id: str, cost: int = 1, *, is_call: bool = True, digest: bytes = DANA, slug: str = SLUG, session: str = ""
) -> Question:
    return Question(slug, digest, call_id, cost, is_call, note="tools/call echo", session=session)


def ask(asker: Asker | MemoryAsker, call_id: str, cost: int = 1, **more) -> Answer:
    (answer,) = asker.ask([question(call_id, cost, **more)])
    return answer


def verdict(asker: Asker | MemoryAsker, call_id: str, cost: int = 1, **more) -> Verdict:
    return ask(asker, call_id, cost, **more).verdict
