"""Hundreds of open streams hear of a change and end with their token: the short form of `dev.py soak streams`."""

from pathlib import Path

import pytest

from soaks.place import Place
from soaks.streams import ERAS, Wishes, run
from tests.cast import Cast
from tests.journeys.conftest import Start


@pytest.mark.parametrize("era", ERAS)
def test_every_stream_hears_of_a_change_within_a_second_and_ends_with_its_token(
    cast: Cast, start_gateway: Start, tmp_path: Path, era: str
):
    gateway = start_gateway(STOA_RATE_WINDOW="0.000001")  # all streams of a token are opened at once
    slug = cast.workspace.slug
    place = Place(cast.resources, cast.alice, cast.workspace.id, slug, gateway.port, gateway.worker_pids, gateway.log)
    wishes = Wishes(count=500, idle=0.5, settle=0.3)
    assert run(place, tmp_path, era, wishes, print).broken == []
