"""A revoked token is dead at the very next request, at every process."""

from functools import partial

from common import clock
from tests.cast import Cast
from tests.journeys.clients import Clients
from tests.journeys.conftest import Start
from tests.waiting import until
from webapp.services import tokens

REVOCATIONS = 200
CLIENTS = 4
# How often each token has to have been let in before it is revoked, and refused after: each of the processes is asked
# several times on both sides, however slow the machine is. A quiet one makes
# some 2,500 requests a second of it, one with two busy loops beside it 570.
BEFORE, AFTER = 4, 12
REQUESTS_PER_SECOND = 200
LATEST = 200  # a token's turn is shorter than this many requests
SLOWEST_ANSWER_SECONDS = 0.02


def test_nothing_that_began_after_the_answer_is_admitted(cast: Cast, start_gateway: Start):
    gateway = start_gateway(processes=4)
    made = []
    for number in range(REVOCATIONS):
        with cast.acts(cast.alice) as ctx:
            made.append(tokens.create_token(ctx, cast.workspace.id, name=f"token {number}"))
    answered: dict[str, float] = {}
    took: list[float] = []
    current = [made[0][1]]
    began = clock.monotonic()
    with Clients(gateway.port, cast.workspace.slug, CLIENTS, lambda: current[0]) as clients:
        for token, plaintext in made:
            current[0] = plaintext
            until(partial(_was_let_in, clients, plaintext), every=0.002)
            asked_at = clock.monotonic()
            with cast.acts(cast.alice) as ctx:
                tokens.revoke_token(ctx, cast.workspace.id, token.id)
            answered[plaintext] = clock.monotonic()
            took.append(answered[plaintext] - asked_at)
            assert ctx.receipt is not None
            until(partial(_was_asked_after, clients, plaintext, answered[plaintext]), every=0.002)
    assert len(clients.asked) / (clock.monotonic() - began) >= REQUESTS_PER_SECOND
    late = [asked for asked in clients.asked if asked.token in answered and asked.began > answered[asked.token]]
    assert len(late) >= REVOCATIONS * AFTER
    assert {asked.status for asked in late} == {401}
    assert {asked.status for asked in clients.asked} <= {200, 401, 503}
    # The quickest tenth: the others also waited for their turn, on a machine full of clients and of other tests.
    assert sorted(took)[REVOCATIONS // 10] <= SLOWEST_ANSWER_SECONDS


def _was_let_in(clients: Clients, token: str) -> bool:
    return sum(asked.token == token and asked.status == 200 for asked in clients.asked[-LATEST:]) >= BEFORE


def _was_asked_after(clients: Clients, token: str, answered: float) -> bool:
    return sum(asked.token == token and asked.began > answered for asked in clients.asked[-LATEST:]) >= AFTER
