"""The window against brute force: thousands of decisions, by the times that the script returns."""

import random
from collections import Counter
from collections.abc import Callable, Iterator

import pytest
import time_machine
from redis import Redis
from redis.exceptions import ResponseError

from common import redis_keys
from common.admission.ask import Asker, ask_call
from common.admission.line import Script, connect
from common.admission.memory import Memory, MemoryAsker, MemoryPublisher
from common.admission.records import (
    Answer,
    Opening,
    TokenRecord,
    Verdict,
    WorkspaceRecord,
    parse_answer,
    render_token,
    render_workspace,
)
from tests.contracts.sides import (
    DANA,
    HOUR_US,
    OTHER_SESSION,
    SESSION,
    SLUG,
    TOKEN,
    WORKSPACE,
    ask,
    question,
    write_session,
)

WINDOW_US = 1_000
DECISIONS = 4_000
START_US = 1_790_000_000_000_000
EPOCH = b"an epoch"
CLOCK_LINE = "local clock = redis.call('TIME')\n"
SET_CLOCK = "local clock = { 0, redis.call('GET', 'clock') }\n"  # the same script, told the time by the test

Decide = Callable[[int, int, int, int, str], Answer]  # clock in µs, limit, places, cost, session


class BruteForce:
    """Every place ever taken, and the clock as the ring must see it."""

    def __init__(self) -> None:
        self.taken: list[int] = []
        self.skew = 0

    def check(self, clock: int, limit: int, cost: int, session: str, answer: Answer) -> None:
        if session == OTHER_SESSION:
            assert answer.verdict is Verdict.NO_SESSION, "no session, and yet judged"
            return
        assert answer.session == (b"state" if session else b"")
        if cost > limit:
            assert answer.verdict is Verdict.TOO_LARGE
            return
        last = self.taken[-1] if self.taken else 0
        self.skew += max(0, last - (clock + self.skew))
        now = clock + self.skew
        assert answer.time_us == now, "time stood still or ran backwards"
        ends = sorted(time + WINDOW_US for time in self.taken if time > now - WINDOW_US)
        free = limit - len(ends)
        if cost <= free:
            assert answer.verdict is Verdict.OK, "what fits is never refused"
            self.taken += [now] * cost
        else:
            assert answer.verdict is Verdict.LIMITED, "what does not fit is never admitted"
            assert answer.retry_after_us == ends[cost - free - 1] - now
            assert answer.remaining == max(free, 0)


def decide_a_lot(decide: Decide, seed: int) -> Counter[Verdict]:
    """Random calls, limits, costs and clock steps; counts the verdicts."""
    chance, brute_force = random.Random(seed), BruteForce()
    clock, limit, places = START_US, 5, 8
    verdicts: Counter[Verdict] = Counter()
    wait = 0
    for _ in range(DECISIONS):
        roll = chance.random()
        if roll < 0.02:
            clock -= chance.choice((1, 50, WINDOW_US, 5 * WINDOW_US))
        elif roll < 0.04:
            clock += chance.choice((WINDOW_US - 1, WINDOW_US, 3 * WINDOW_US))
        elif roll < 0.4 and wait:
            clock += wait - chance.randint(0, 1)  # the very microsecond at which it fits, or the one before
        else:
            clock += chance.choice((0, 0, 1, 7, 40, 150))
        if chance.random() < 0.06:
            places = chance.choice((6, 8, 13, 20))
        if chance.random() < 0.03:
            limit = chance.randint(1, 22)
        allowed = min(limit, places)
        cost = 1 if chance.random() < 0.7 else chance.randint(1, allowed + 1)
        session = chance.choice(("", "", SESSION, OTHER_SESSION))
        answer = decide(clock, limit, places, cost, session)
        brute_force.check(clock, allowed, cost, session, answer)
        verdicts[answer.verdict] += 1
        wait = answer.retry_after_us
    return verdicts


class ScriptWithAClock:
    """The real ask.lua on a real Valkey, but for the one line that reads the time."""

    def __init__(self, client: Redis, text: str) -> None:
        assert text.count(CLOCK_LINE) == 1
        self.client = client
        self.sha = client.script_load(text.replace(CLOCK_LINE, SET_CLOCK))
        self.asked = 0
        client.set(redis_keys.token(SLUG, DANA), render_token(TokenRecord(0, 0, 1, "r"), EPOCH))
        write_session(client)

    def __call__(self, clock: int, limit: int, places: int, cost: int, session: str) -> Answer:
        self.asked += 1
        workspace = render_workspace(WorkspaceRecord("active", 1, limit), EPOCH)
        call = ask_call(question(str(self.asked), cost, session=session), "boot-1", EPOCH, WINDOW_US, places)
        batch = self.client.pipeline(transaction=False)
        batch.mset({"clock": clock, redis_keys.workspace(SLUG): workspace})
        batch.evalsha(self.sha, *call)
        reply = batch.execute()[1]
        return parse_answer(*reply) if isinstance(reply, list) else parse_answer(reply)


@pytest.fixture
def client(redis_url: str) -> Iterator[Redis]:
    with connect(redis_url) as client:
        yield client


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_script_decides_as_brute_force_does(client: Redis, seed: int):
    verdicts = decide_a_lot(ScriptWithAClock(client, Script.read("ask").text), seed)
    every = Verdict.OK, Verdict.LIMITED, Verdict.TOO_LARGE, Verdict.NO_SESSION
    assert all(verdicts[each] > 50 for each in every), f"too one-sided to show much: {verdicts}"


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (">= window", "> window"),
        ("kept <= limit - count", "kept <= limit - count + 1"),
        ("while remaining > 0", "while false"),
        ("skew = skew + last - now", "skew = last - now"),
        ("if stepped_back then redis", "if false then redis"),
        ("struct.pack('<i8', now)", "struct.pack('<i8', math.floor(now / 10) * 10)"),
        ("if size ~= places then", "if size < places then size = places elseif false then"),
        ("kept = math.min(kept, places)", "kept = math.min(kept, math.floor(places / 2))"),
        ("head, size = kept, places", "size = places"),
        ("if cost > straight then", "if false then"),
        ("if not session then", "if false then"),
        ("return session and { packed, session } or packed", "return packed"),
    ],
)
def test_brute_force_finds_what_is_wrong_with_a_script(client: Redis, right: str, wrong: str):
    text = Script.read("ask").text
    assert text.count(right) == 1
    with pytest.raises((AssertionError, ResponseError)):
        decide_a_lot(ScriptWithAClock(client, text.replace(right, wrong)), seed=1)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_fake_decides_as_brute_force_does(seed: int):
    memory, asked = Memory(), iter(range(DECISIONS))
    with time_machine.travel(0, tick=False) as traveller:

        def decide(clock: int, limit: int, places: int, cost: int, session: str) -> Answer:
            # A float of today's seconds is too coarse for microseconds, so it is 1970; half of one against rounding.
            traveller.move_to((clock - START_US + HOUR_US + 0.5) / 1e6)
            asker = MemoryAsker(memory, "boot-1", WINDOW_US, places)
            MemoryPublisher(memory).open([Opening("workspace", SLUG, None)])
            lease = asker.lease(SLUG, DANA, "loader", token=True, workspace=True)
            asker.publish(lease, TOKEN, WorkspaceRecord("active", 1, limit))
            memory.keep_session(SLUG, DANA, SESSION, b"state")
            answer = ask(asker, str(next(asked)), cost, session=session)
            return answer._replace(time_us=answer.time_us - HOUR_US + START_US)

        decide_a_lot(decide, seed)


def test_a_ring_outlives_its_window_by_a_minute(client: Redis):
    asker = Asker(client, "boot-1", HOUR_US)
    asker.publish(asker.lease(SLUG, DANA, "loader", token=True, workspace=True), TOKEN, WORKSPACE)
    key = redis_keys.ring(SLUG, DANA)
    ask(asker, "1")
    ask(asker, "2", cost=100)
    assert HOUR_US // 1000 + 60_000 < client.pttl(key) <= HOUR_US // 1000 + 90_000
    assert client.strlen(key) == 32 + 8 * 101 < 1024
    asker.close()
