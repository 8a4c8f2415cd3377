"""The rate limit is exact: over four gateway processes never one too many, and none refused that fits."""

import bisect
import http.client
import json
import threading
from pathlib import Path

from common import clock
from common.admission.records import Verdict
from common.db import make_engine
from tests.real.gateway import RealGateway
from tests.real.schema import migrate
from tests.real.tap import Tap
from tests.real.tenants import MASTER_KEYS, Tenants
from tests.real.valkey import RealValkey

LIMIT = 120
WINDOW_SECONDS = 1.5
WINDOW_US = round(WINDOW_SECONDS * clock.MICROSECONDS)
CLIENTS = 8
WINDOWS = 4
PING = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping"}).encode()


def test_in_no_window_one_too_many_and_none_refused_that_fits(valkey: RealValkey, redis_url: str, tmp_path: Path):
    tap = Tap(tmp_path, valkey.socket)
    tap.start()
    database = migrate(f"sqlite:///{tmp_path}/stoa.db")
    engine = make_engine(database)
    tenants = Tenants(engine)
    token = tenants.add_token(tenants.add_workspace("demo"))
    variables = {
        "DATABASE_URL": database,
        "REDIS_URL": tap.url,
        "STOA_MASTER_KEYS": MASTER_KEYS,
        "STOA_RATE_WINDOW": str(WINDOW_SECONDS),
    }
    gateway = RealGateway(tmp_path, variables, processes=4)
    gateway.start()
    statuses: list[int] = []
    try:
        clients = [threading.Thread(target=_ask, args=(gateway.port, token, statuses)) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    finally:
        gateway.stop()
        tap.stop()
        engine.dispose()
    admitted = sorted(answer.time_us for answer in tap.answers if answer.verdict is Verdict.OK)
    refused = [answer.time_us for answer in tap.answers if answer.verdict is Verdict.LIMITED]
    assert (statuses.count(200), statuses.count(429)) == (len(admitted), len(refused))
    assert len(admitted) >= LIMIT * WINDOWS
    assert len(refused) > LIMIT
    assert all(later - earlier >= WINDOW_US for earlier, later in zip(admitted, admitted[LIMIT:], strict=False))
    for moment in refused:
        inside = bisect.bisect_right(admitted, moment) - bisect.bisect_right(admitted, moment - WINDOW_US)
        assert inside >= LIMIT, f"refused at {moment} although only {inside} were in the window"


def _ask(port: int, token: str, statuses: list[int]) -> None:
    headers = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    connection = http.client.HTTPConnection("127.0.0.1", port)
    end = clock.monotonic() + WINDOWS * WINDOW_SECONDS
    while clock.monotonic() < end:
        connection.request("POST", "/ws/demo", PING, headers)
        response = connection.getresponse()
        response.read()
        statuses.append(response.status)
    connection.close()
