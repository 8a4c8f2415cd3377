"""The real scripts on a real Valkey while everything happens at once."""

import hashlib
import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count

import pytest

from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.publish import Publisher
from common.admission.records import Answer, Closing, Lease, Question, TokenRecord, Verdict, WorkspaceRecord
from common.clock import monotonic
from common.errors import Unavailable
from tests.contracts.sides import DANA, SLUG, TOKEN
from tests.real.valkey import RealValkey
from tests.waiting import until

TOKENS = [hashlib.sha256(b"token %d" % number).digest() for number in range(60)]
ADMITTED = (Verdict.OK, Verdict.AGAIN)
ASKERS = 4
LONGEST_ASK_SECONDS = 8.0  # two attempts of a timeout each for connecting, epoch and replies


class Database:
    """What SQL would say, and since when the portal has answered that it holds."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.revoked: set[bytes] = set()
        self.version = 1
        self.answered: frozenset[bytes] = frozenset()
        self.answered_version = 1

    def read(self, digest: bytes) -> tuple[TokenRecord | None, WorkspaceRecord]:
        with self.lock:
            token = None if digest in self.revoked else TOKEN
            return token, WorkspaceRecord("active", self.version, 120)


@dataclass(frozen=True)
class Load:
    """Leased and read, not yet published."""

    lease: Lease
    token: TokenRecord | None
    workspace: WorkspaceRecord

    def publish(self, asker: Asker) -> None:
        with suppress(Unavailable):  # the storm is at it: the next question finds the same miss
            asker.publish(self.lease, self.token, self.workspace)


class Storm:
    """Askers that load what they miss, and judge each answer by what was answered before they asked."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.database = Database()
        self.over = threading.Event()
        self.verdicts: Counter[Verdict] = Counter()
        self.call_ids = count()

    @contextmanager
    def blowing(self) -> Iterator[None]:
        """What an asker finds wrong is raised when the storm is over."""
        with ThreadPoolExecutor(ASKERS) as pool:
            asking = [pool.submit(self.ask_on_and_on, f"boot-{number}") for number in range(ASKERS)]
            try:
                yield
            finally:
                self.over.set()
            for each in asking:
                each.result()

    def ask_on_and_on(self, boot: str) -> None:
        chance = random.Random(boot)
        with connect(self.url) as client, closing(Asker(client, boot, window_us=1)) as asker:
            slow: list[Load] = []
            while not self.over.is_set():
                loads = self.ask_once(asker, [chance.choice(TOKENS) for _ in range(8)], chance)
                for each in slow:
                    each.publish(asker)
                # Half of the loads take as long as another round of questions, and whatever happens meanwhile.
                slow = [each for each in loads if chance.random() < 0.5]
                for each in loads:
                    if each not in slow:
                        each.publish(asker)

    def ask_once(self, asker: Asker, digests: list[bytes], chance: random.Random) -> list[Load]:
        questions = [Question(SLUG, digest, str(next(self.call_ids)), 1, True) for digest in digests]
        dead, version, began = self.database.answered, self.database.answered_version, monotonic()
        answers = asker.ask(questions)
        assert len(answers) == len(questions)
        assert monotonic() - began < LONGEST_ASK_SECONDS
        loads: list[Load] = []
        for question, answer in zip(questions, answers, strict=True):
            self.verdicts[answer.verdict] += 1
            if answer.verdict in ADMITTED:
                assert question.digest not in dead, "admitted after the answer to its revocation"
                assert answer.version >= version, "admitted by a workspace as it was before the answer"
            elif answer.verdict is Verdict.LOAD:
                loads += self.begin_load(asker, question, answer, nonce=str(chance.getrandbits(64)))
        return loads

    def go_on_for(self, questions: int) -> None:
        asked = self.verdicts.total()
        until(lambda: self.verdicts.total() >= asked + questions, every=0.001)

    def begin_load(self, asker: Asker, question: Question, answer: Answer, nonce: str) -> list[Load]:
        wanted = {"token": answer.load_token, "workspace": answer.load_workspace}
        try:
            lease = asker.lease(SLUG, question.digest, nonce, **wanted)
        except Unavailable:  # the storm is at it: the next question finds the same miss
            return []
        return [Load(lease, *self.database.read(question.digest))]

    def close(self, publisher: Publisher, change: Closing, commit: Callable[[], None]) -> None:
        """Deny, commit, confirm until it holds, as the door and the outbox do."""
        try:
            publisher.deny([change])
        except Unavailable:  # refused to the person, nothing has changed
            return
        with self.database.lock:
            commit()
        while True:
            try:
                publisher.confirm([change])
                return
            except Unavailable:
                continue


def revoke(storm: Storm, publisher: Publisher, digest: bytes) -> None:
    storm.close(publisher, Closing("token", SLUG, digest, "token.revoke"), lambda: storm.database.revoked.add(digest))
    storm.database.answered = frozenset(storm.database.revoked)


def change_the_workspace(storm: Storm, publisher: Publisher) -> None:
    def raise_the_version() -> None:
        storm.database.version += 1

    storm.close(publisher, Closing("workspace", SLUG, None, "server.disable"), raise_the_version)
    storm.database.answered_version = storm.database.version


@pytest.mark.parametrize("accident", ["none", "FLUSHALL", "SCRIPT FLUSH", "kill"])
def test_nothing_is_admitted_after_the_answer(valkey: RealValkey, redis_url: str, accident: str):
    storm, chance = Storm(redis_url), random.Random(accident)
    with connect(redis_url) as client, storm.blowing():
        publisher = Publisher(client)
        for number, digest in enumerate(TOKENS):
            storm.go_on_for(200)
            if accident == "kill" and number % 12 == 0:
                valkey.kill()
                valkey.start()
            elif accident not in ("none", "kill") and chance.random() < 0.5:
                client.execute_command(accident)
            storm.go_on_for(chance.randint(0, 40))  # what the accident took is being loaded just now
            revoke(storm, publisher, digest)
            if number % 3 == 0:
                change_the_workspace(storm, publisher)
        storm.go_on_for(200)
    assert storm.verdicts[Verdict.OK] > 0
    assert storm.verdicts[Verdict.DEAD] > 0
    assert storm.database.revoked, "nothing was revoked: the storm showed nothing"


def test_no_window_holds_too_many_and_nothing_that_fits_is_refused(redis_url: str):
    limit, window_us, rounds = 20, 100_000, 60

    def ask_in_bursts(boot: str) -> list[Answer]:
        chance = random.Random(boot)
        with connect(redis_url) as client:
            asker = Asker(client, boot, window_us)
            lease = asker.lease(SLUG, DANA, boot, token=True, workspace=True)
            asker.publish(lease, TOKEN, WorkspaceRecord("active", 1, limit))
            answers: list[Answer] = []
            for turn in range(rounds):
                burst = [Question(SLUG, DANA, f"{boot} {turn} {n}", 1, True) for n in range(chance.randint(1, 30))]
                answers += asker.ask(burst)
            asker.close()
            return answers

    with ThreadPoolExecutor(ASKERS) as pool:
        answers = [answer for batch in pool.map(ask_in_bursts, map(str, range(ASKERS))) for answer in batch]
    taken = sorted(answer.time_us for answer in answers if answer.verdict is Verdict.OK)
    refused = [answer.time_us for answer in answers if answer.verdict is Verdict.LIMITED]
    assert len(refused) > limit
    assert all(later - earlier >= window_us for earlier, later in zip(taken, taken[limit:], strict=False))
    for time in refused:
        assert sum(time - window_us < each <= time for each in taken) >= limit, "it fitted, and was refused"
