"""All orders of the steps: the real ones admit nothing after the answer, each weaker form does."""

import random

import pytest
from redis import Redis

from common import redis_keys
from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.publish import Publisher
from common.admission.records import Closing, Lease, Verdict
from tests.contracts.orders import Form, State, starts, visit
from tests.contracts.sides import DANA, HOUR_US, SESSION, SLUG, TOKEN, WORKSPACE, verdict, write_session
from tests.real.valkey import RealValkey

REAL = Form()
WALKS, STEPS = 120, 14


@pytest.mark.parametrize("form", [REAL, Form(confirmation=None)], ids=["token", "workspace"])
def test_the_real_steps_admit_nothing_after_the_answer(form: Form):
    way, states = visit(form)
    assert way is None
    assert states > 5_000, "the model has shrunk: it no longer visits what it did"


@pytest.mark.parametrize(
    ("weaker", "accident"),
    [
        (Form(revocation=("tombstone", "commit", "answer")), "expire"),
        (Form(leases=False), "expire"),
        (Form(revocation=("deny", "commit", "answer")), "expire"),
        (Form(epochs=False), "failover"),
        (Form(new_connections_read_the_epoch=False), "failover"),
        (Form(revocation=("deny", "confirm", "commit", "answer")), "expire"),
    ],
    ids=[
        "tombstone then commit",
        "set where nothing is",
        "lease without confirm",
        "confirm without epoch",
        "epoch read once",
        "confirm before commit",
    ],
)
def test_a_weaker_form_admits_after_the_answer(weaker: Form, accident: str):
    way, _ = visit(weaker)
    assert way is not None, "the model cannot tell the real steps from a weaker form"
    assert accident in way


class Replay:
    """The model's steps, done by the real scripts on a real Valkey."""

    def __init__(self, valkey: RealValkey) -> None:
        self.valkey = valkey
        self.client: Redis = connect(valkey.url)
        self.asker = Asker(self.client, "boot-1", HOUR_US)
        self.publisher = Publisher(self.client)
        self.closing = Closing("token", SLUG, DANA, "token.revoke")
        self.key = redis_keys.token(SLUG, DANA)
        self.session = redis_keys.mcp_session(SLUG, DANA, SESSION)
        self.copy: bytes | None = None
        self.leases: dict[str, Lease] = {}
        self.seen: dict[str, bool] = {}

    def begin(self, state: State) -> None:
        self.client.flushall()
        self.load_workspace()
        self.leases, self.copy = {}, None
        if state.entry is not None:
            self.asker.publish(self.asker.lease(SLUG, DANA, "0", token=True, workspace=False), TOKEN, None)
        if state.copy is not None:
            self.do("copy", state)

    def load_workspace(self) -> None:
        self.asker.publish(self.asker.lease(SLUG, DANA, "w", token=False, workspace=True), None, WORKSPACE)

    def do(self, name: str, before: State) -> None:
        """`before` is the model's state before the step: it tells what a load reads."""
        step, _, loader = name.partition(" ")
        if step == "lease":
            self.leases[loader] = self.asker.lease(SLUG, DANA, loader, token=True, workspace=False)
        elif step == "read":
            self.seen[loader] = "commit" not in before.done
        elif step == "publish":
            self.asker.publish(self.leases[loader], TOKEN if self.seen[loader] else None, None)
        elif step == "deny":
            self.publisher.deny([self.closing])
        elif step == "confirm":
            self.publisher.confirm([self.closing])
        elif step == "expire":
            self.client.delete(self.key)
        elif step == "flush":
            self.client.delete(self.key, self.session)
            self.copy = None
        elif step == "begin":
            write_session(self.client)
        elif step == "end":
            self.client.delete(self.session)
        elif step == "copy":
            self.copy = self.client.get(self.key)  # type: ignore[assignment]  # redis-py types both of its clients
        elif step == "failover":
            self.valkey.restart()
            self.client.delete(self.key)
            if self.copy is not None:
                self.client.set(self.key, self.copy)
            self.load_workspace()


def expected_verdict(state: State) -> Verdict:
    """Of a question without a session."""
    entry = state.entry
    if entry is not None and entry.kind in ("dead", "closing"):
        return Verdict.DEAD if entry.kind == "dead" else Verdict.CLOSING
    return Verdict.OK if entry is not None and entry.kind == "active" and entry.epoch == state.epoch else Verdict.LOAD


def expected_in_session(state: State) -> Verdict:
    answer = expected_verdict(state)
    return Verdict.NO_SESSION if answer is Verdict.OK and not state.has_session else answer


def test_the_real_scripts_do_what_the_model_says(valkey: RealValkey, redis_url: str):
    replay, chance = Replay(valkey), random.Random(20261128)
    for walk in range(WALKS):
        state, way = chance.choice(starts()), []
        replay.begin(state)
        for _ in range(STEPS):
            # One walk in eight may fail over: the others spare the restarts, which take most of the time.
            choices = [step for step in REAL.steps(state) if step[0] != "failover" or walk % 8 == 0]
            if not choices:
                break
            name, following = chance.choice(choices)
            way.append(name)
            replay.do(name, state)
            state = following
            answer = verdict(replay.asker, f"{walk} {len(way)}", cost=0)
            assert answer is expected_verdict(state), f"{answer} after {way}"
            answer = verdict(replay.asker, f"{walk} {len(way)}", cost=0, session=SESSION)
            assert answer is expected_in_session(state), f"{answer} in a session after {way}"
    replay.asker.close()
    replay.client.close()
