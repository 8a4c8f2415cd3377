"""Both sides of admission, over a real Valkey and over the fake."""

from collections.abc import Iterator

import pytest

from common import redis_keys
from common.admission.ask import PLACES, Asker
from common.admission.line import connect
from common.admission.memory import Memory, MemoryAsker, MemoryPublisher
from common.admission.publish import Publisher
from common.clock import now_us
from tests.contracts.sides import DANA, HOUR_US, SLUG, Sides, read_records, write_session
from tests.real.valkey import RealValkey


@pytest.fixture(params=["valkey", "memory"])
def sides(request: pytest.FixtureRequest) -> Iterator[Sides]:
    if request.param == "memory":
        yield _memory_sides()
        return
    valkey: RealValkey = request.getfixturevalue("valkey")
    url: str = request.getfixturevalue("redis_url")
    askers: list[Asker] = []
    client = connect(url)

    def make_asker(boot: str = "boot-1", window_us: int = HOUR_US, places: int = PLACES) -> Asker:
        askers.append(Asker(client, boot, window_us, places))
        return askers[-1]

    yield Sides(
        Publisher(client),
        make_asker,
        valkey.restart,
        client.flushall,
        lambda: read_records(client),
        lambda *session: write_session(client, *session),
        lambda id: client.pttl(redis_keys.mcp_session(SLUG, DANA, id)),  # type: ignore[arg-type, return-value]  # redis-py types both of its clients
    )
    for asker in askers:
        asker.close()
    client.close()


def _memory_sides() -> Sides:
    memory = Memory()

    def make_asker(boot: str = "boot-1", window_us: int = HOUR_US, places: int = PLACES) -> MemoryAsker:
        return MemoryAsker(memory, boot, window_us, places)

    def left_of_session(id: str) -> int:
        session = memory.sessions.get((SLUG, DANA, id))
        return (session.until_us - now_us()) // 1000 if session else -1

    return Sides(
        MemoryPublisher(memory),
        make_asker,
        memory.restart,
        memory.flush,
        lambda: memory.records,
        lambda *session: memory.keep_session(SLUG, DANA, *session),
        left_of_session,
    )
