"""The rate limit is exact: over four gateway processes never one too many, and none refused that fits."""

import bisect
from pathlib import Path

import pytest

from common import clock
from common.admission.records import Verdict
from common.db import make_engine
from tests.cast import make_settings, variables_of
from tests.journeys.clients import Clients
from tests.real.gateway import RealGateway
from tests.real.tap import Tap
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey
from tests.waiting import until

LIMIT = 120
WINDOW_SECONDS = 1.5
WINDOW_US = round(WINDOW_SECONDS * clock.MICROSECONDS)
CLIENTS = 8
WINDOWS = 4


@pytest.mark.usefixtures("redis_url")
def test_in_no_window_one_too_many_and_none_refused_that_fits(
    valkey: RealValkey, migrated_sqlite_url: str, tmp_path: Path
):
    tap = Tap(tmp_path, valkey.socket)
    tap.start()
    engine = make_engine(migrated_sqlite_url)
    tenants = Tenants(engine)
    token = tenants.add_token(tenants.add_workspace("demo"))
    variables = variables_of(make_settings(migrated_sqlite_url, tap.url)) | {"STOA_RATE_WINDOW": str(WINDOW_SECONDS)}
    gateway = RealGateway(tmp_path, variables, processes=4)
    gateway.start()
    try:
        end = clock.monotonic() + WINDOWS * WINDOW_SECONDS
        with Clients(gateway.port, "demo", CLIENTS, lambda: token) as clients:
            until(lambda: clock.monotonic() > end)
    finally:
        gateway.stop()
        tap.stop()
        engine.dispose()
    statuses = [asked.status for asked in clients.asked]
    admitted = sorted(answer.time_us for answer in tap.answers if answer.verdict is Verdict.OK)
    refused = [answer.time_us for answer in tap.answers if answer.verdict is Verdict.LIMITED]
    assert (statuses.count(200), statuses.count(429)) == (len(admitted), len(refused))
    assert len(admitted) >= LIMIT * WINDOWS
    assert len(refused) > LIMIT
    assert all(later - earlier >= WINDOW_US for earlier, later in zip(admitted, admitted[LIMIT:], strict=False))
    for moment in refused:
        inside = bisect.bisect_right(admitted, moment) - bisect.bisect_right(admitted, moment - WINDOW_US)
        assert inside >= LIMIT, f"refused at {moment} although only {inside} were in the window"
