"""Servers are killed, stopped, slowed and restarted while a crowd calls: the short form of `dev.py soak chaos`."""

from pathlib import Path

from soaks.chaos import Wishes, new_seed, run
from soaks.chaos_verdict import report_on
from soaks.place import Place
from tests.cast import Cast
from tests.journeys.conftest import Start

# The crowd calls all the time under one token: a window that is soon empty again lets it.
UNBOUNDED = {"STOA_RATE_WINDOW": "0.000001", "STOA_MAX_CONCURRENT_CALLS": "1000"}


def test_whatever_becomes_of_a_server_each_call_has_its_own_answer_in_time(
    cast: Cast, start_gateway: Start, tmp_path: Path
):
    gateway = start_gateway(**UNBOUNDED)
    slug = cast.workspace.slug
    place = Place(cast.resources, cast.alice, cast.workspace.id, slug, gateway.port, gateway.worker_pids, gateway.log)
    wishes = Wishes(seconds=3, clients=20, seed=new_seed(), timeout=1, calm=0)
    print(f"dev.py soak chaos --timeout {wishes.timeout} --seed {wishes.seed}")
    report = report_on(run(place, tmp_path, wishes, print))
    assert report.broken == []
    assert report.figures["right"] > 100
