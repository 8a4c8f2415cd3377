"""Admission: one question to Redis, and what makes Redis able to answer.

Rule: Redis says yes or no; only when it does not know is the database read, under a lease, by one greenlet per
token and process. What cannot be had is a refusal, never a yes.
"""

import math
import secrets

import gevent

from common import clock
from common.admission.ask import Asker
from common.admission.records import Answer, Question, Verdict
from common.errors import Unavailable
from gateway.asking import Questions
from gateway.directory.loader import DirectoryUnavailable, Loader
from gateway.limits import Buckets, Memory
from gateway.protocol.refusals import Refusal, bad_request, mcp_session_unknown, rate_limited, unauthorized, unavailable
from gateway.turns import Turns

# Questions until a yes or no: a load by another process, a change that comes between, and some to spare.
ATTEMPTS = 40
# Another process holds the lease; its load takes a few milliseconds.
LEASE_WAIT_SECONDS = 0.02
# Guessed tokens reach the database at this rate at most, per workspace and in all; bursts are a restart's.
LOADS_PER_WORKSPACE = 100
LOADS_IN_ALL = 1_000
# A token that the database does not know cannot become known; a minute bounds what a mistake here could cost.
UNKNOWN_SECONDS = 60
UNKNOWN_SIZE = 50_000

Key = tuple[str, bytes]


class Admission:
    def __init__(self, questions: Questions, asker: Asker, loader: Loader, window_us: int) -> None:
        self._questions = questions
        self._asker = asker
        self._loader = loader
        self._window_us = window_us
        self._loading: Turns[Key] = Turns()
        self._unknown: Memory[Key] = Memory(size=UNKNOWN_SIZE, seconds=UNKNOWN_SECONDS)
        self._loads: Buckets[str] = Buckets(rate=LOADS_PER_WORKSPACE, burst=LOADS_PER_WORKSPACE, size=10_000)
        self._all_loads: Buckets[str] = Buckets(rate=LOADS_IN_ALL, burst=LOADS_IN_ALL, size=1)

    def ask(self, question: Question) -> Answer:
        """A definite answer, after loading what Redis did not know; Refusal when that cannot be had."""
        key = (question.slug, question.digest)
        for _ in range(ATTEMPTS):
            if self._unknown.holds(key, clock.monotonic()):  # perhaps since the last attempt, by another's load
                raise unauthorized()
            answer = self._questions.ask(question)
            if answer.verdict is not Verdict.LOAD:
                return answer
            self._load(key, answer)
        raise unavailable("The token is being loaded by another process. Try again in a second.")

    def _load(self, key: Key, answer: Answer) -> None:
        """Single flight: who finds a load of this token under way waits for its end, and asks again."""
        with self._loading.taken(key) as had_to_wait:
            if not had_to_wait:
                self._load_once(key, answer)

    def _load_once(self, key: Key, answer: Answer) -> None:
        slug, digest = key
        now = clock.monotonic()
        # A token that Redis knows is no guess: a flood of guesses must not keep its workspace from being loaded.
        if answer.load_token and not (self._loads.take(slug, now) and self._all_loads.take("", now)):
            raise unavailable("Too many unknown tokens at once. Try again in a second.", decision="load_limit")
        try:
            lease = self._asker.lease(
                slug, digest, secrets.token_hex(8), token=answer.load_token, workspace=answer.load_workspace
            )
            if not (lease.token or lease.workspace):
                gevent.sleep(LEASE_WAIT_SECONDS)
                return
            standing = self._loader.read_standing(slug, digest)
            self._asker.publish(lease, standing.token, standing.workspace)
        except (DirectoryUnavailable, Unavailable):
            raise unavailable("The token cannot be checked at the moment. Try again in a second.") from None
        if standing.token is None:
            self._unknown.add(key, clock.monotonic())
            raise unauthorized()

    def refusal_for(self, answer: Answer) -> Refusal:
        """What a verdict other than yes means to the client. Total over the verdicts that refuse."""
        match answer.verdict:
            case Verdict.DEAD | Verdict.EXPIRED | Verdict.GONE:
                return unauthorized()
            case Verdict.CLOSING:
                return unavailable("The workspace is being changed. Try again in a second.", decision="closing")
            case Verdict.LIMITED:
                retry_after = max(1, math.ceil(answer.retry_after_us / clock.MICROSECONDS))
                window = math.ceil(self._window_us / clock.MICROSECONDS)
                return rate_limited(retry_after, answer.limit, answer.remaining, window)
            case Verdict.QUOTA:
                return Refusal(
                    429,
                    -31429,
                    "The account's calls for this month are used up. The account's owner can upgrade the plan.",
                    data={"limit": "calls_per_month"},
                    headers=(("Retry-After", "3600"),),
                    decision="quota",
                )
            case Verdict.NO_SESSION:
                return mcp_session_unknown()
            case Verdict.TOO_LARGE:
                return bad_request("The batch holds more requests than the token's limit allows in one window.")
            case Verdict.FROZEN:
                return Refusal(
                    423,
                    -31423,
                    "This workspace is frozen: its tools cannot be called until somebody unfreezes it in the portal.",
                    decision="frozen",
                )
            case _:
                return unavailable("The gateway cannot check tokens at the moment. Try again in a second.")
