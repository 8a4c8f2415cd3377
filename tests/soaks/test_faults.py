from pathlib import Path
from random import Random

import pytest

from local.ports import answers
from soaks.faults import Fault, Kind, draw, inflict
from soaks.servers import SoakedServer


def test_the_same_seed_draws_the_same_faults():
    first, second = ([draw(Random(7), ("old", "new"), 3) for _ in range(2)] for _ in range(2))
    assert first == second


def test_every_fault_happens_sooner_or_later_to_one_server_and_to_both():
    random = Random(7)
    drawn = [draw(random, ("old", "new"), 3) for _ in range(200)]
    assert {fault.kind for faults in drawn for fault in faults} == set(Kind)
    assert {tuple(fault.server for fault in faults) for faults in drawn} == {("old",), ("new",), ("old", "new")}


@pytest.mark.parametrize("kind", Kind)
def test_whatever_was_done_the_server_is_back_when_it_is_over(kind: Kind, tmp_path: Path):
    with SoakedServer("old", "legacy", tmp_path) as server:
        inflict(Fault("old", kind, seconds=0.05, delay=0.1), server)
        assert answers(server.port)
    assert not answers(server.port)
