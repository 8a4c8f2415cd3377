"""What is gone for a while: 503 meanwhile, service by itself afterwards, and nothing that was closed comes back."""

import os
import signal
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from common import clock
from tests.cast import Cast, assemble, make_settings, variables_of
from tests.journeys.clients import Clients
from tests.journeys.conftest import add_server
from tests.real.gateway import RealGateway
from tests.real.postgres import RealPostgres
from tests.real.schema import migrate
from tests.real.valkey import RealValkey
from tests.waiting import until
from upstream.fake import FakeUpstream
from upstream.fake_faults import slow
from webapp.resources import open_resources
from webapp.services import tokens

VALKEY_GONE_SECONDS = 10
BACK_SECONDS = 2.0
PING = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


@contextmanager
def served(
    folder: Path, database_url: str, redis_url: str, *, processes: int = 2
) -> Iterator[tuple[Cast, RealGateway]]:
    migrate(database_url)
    resources = open_resources(make_settings(database_url, redis_url))
    # The clients ask all the time: a window that is soon empty again lets them.
    variables = variables_of(resources.settings) | {"STOA_RATE_WINDOW": "0.001"}
    gateway = RealGateway(folder, variables, processes=processes)
    try:
        cast = assemble(resources)
        gateway.start()
        yield cast, gateway
    finally:
        gateway.stop()
        resources.close()


def new_token(cast: Cast, name: str) -> tuple[tokens.Token, str]:
    with cast.acts(cast.alice) as ctx:
        return tokens.create_token(ctx, cast.workspace.id, name=name)


def test_without_valkey_requests_are_refused_and_service_returns_by_itself(sqlite_url: str, tmp_path: Path):
    valkey = RealValkey(tmp_path / "valkey")
    valkey.start()
    with served(tmp_path, sqlite_url, valkey.url) as (cast, gateway):
        slug, plaintext = cast.workspace.slug, cast.dana_plaintext
        processes = gateway.worker_pids()
        with Clients(gateway.port, slug, 4, lambda: plaintext) as clients:
            until(lambda: any(asked.status == 200 for asked in clients.asked))
            stopped_at = clock.monotonic()
            valkey.stop()
            gone_at = clock.monotonic()
            time.sleep(VALKEY_GONE_SECONDS)  # the length of the outage is what is tested
            back_at = clock.monotonic()
            valkey.start()
            until(lambda: any(a.status == 200 and a.began > back_at for a in clients.asked), BACK_SECONDS)
            served_at = clock.monotonic()
            until(lambda: sum(a.status == 200 and a.began > served_at for a in clients.asked) > 50)
        meanwhile = [asked for asked in clients.asked if gone_at < asked.began and asked.ended < back_at]
        assert meanwhile
        assert {(asked.status, asked.retry_after) for asked in meanwhile} == {(503, "1")}
        assert {a.status for a in clients.asked if a.ended < stopped_at or a.began > served_at + BACK_SECONDS} == {200}
        assert gateway.worker_pids() == processes
    valkey.stop()


def test_a_revoked_token_stays_dead_through_a_crash_of_valkey(sqlite_url: str, tmp_path: Path):
    valkey = RealValkey(tmp_path / "valkey")
    valkey.start()
    with served(tmp_path, sqlite_url, valkey.url, processes=4) as (cast, gateway):
        slug = cast.workspace.slug
        revoked, kept = new_token(cast, "revoked"), new_token(cast, "kept")
        for _, plaintext in (revoked, kept):
            assert gateway.post(slug, plaintext, PING).status == 200
        with cast.acts(cast.alice) as ctx:
            tokens.revoke_token(ctx, cast.workspace.id, revoked[0].id)
        valkey.kill()
        valkey.start()
        until(lambda: gateway.post(slug, kept[1], PING).status == 200, BACK_SECONDS)
        assert {gateway.post(slug, revoked[1], PING).status for _ in range(20)} == {401}
    valkey.stop()


def test_without_the_database_what_valkey_knows_goes_on(redis_url: str, tmp_path: Path):
    with RealPostgres() as postgres, served(tmp_path, postgres.create_database(), redis_url) as (cast, gateway):
        slug = cast.workspace.slug
        _, known = new_token(cast, "known")
        _, unknown = new_token(cast, "unknown")
        # So many at once that neither process takes them all: both have the workspace's snapshot afterwards.
        with ThreadPoolExecutor(12) as pool:
            assert set(pool.map(lambda _: gateway.post(slug, known, PING).status, range(60))) == {200}
        postgres.stop()
        assert {gateway.post(slug, known, PING).status for _ in range(20)} == {200}
        refused = gateway.post(slug, unknown, PING)
        assert (refused.status, refused.headers["retry-after"]) == (503, "1")
        assert gateway.send("GET", "/readyz").status == 200
        cast.resources.engine.dispose()
        postgres.start()
        until(lambda: gateway.post(slug, unknown, PING).status == 200)


def test_a_killed_process_is_replaced_and_the_others_go_on(sqlite_url: str, redis_url: str, tmp_path: Path):
    with served(tmp_path, sqlite_url, redis_url, processes=3) as (cast, gateway):
        plaintext = cast.dana_plaintext
        before = gateway.worker_pids()
        with Clients(gateway.port, cast.workspace.slug, 6, lambda: plaintext) as clients:
            until(lambda: len(clients.asked) > 50)
            os.kill(before[0], signal.SIGKILL)
            until(lambda: len(set(gateway.worker_pids()) - set(before)) == 1)
            count = len(clients.asked)
            until(lambda: len(clients.asked) > count + 50)
        broken = [asked for asked in clients.asked if asked.status != 200]
        assert {asked.status for asked in broken} <= {0}
        assert len(broken) <= 12  # what was on its way through the process that was killed, and no more
        assert len(gateway.worker_pids()) == 3


def test_told_to_end_a_gateway_refuses_new_connections_and_answers_what_it_has_begun(
    sqlite_url: str, redis_url: str, tmp_path: Path
):
    with (
        FakeUpstream("legacy") as upstream,
        served(tmp_path, sqlite_url, redis_url, processes=3) as (cast, gateway),
    ):
        add_server(cast, upstream)
        upstream.always("tools/call", slow(3))
        call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "demo__echo", "arguments": {}}}
        with ThreadPoolExecutor(1) as threads:
            begun = threads.submit(gateway.post, cast.workspace.slug, cast.dana_plaintext, call)
            until(lambda: upstream.count("tools/call"))
            assert gateway.process is not None
            gateway.process.send_signal(signal.SIGTERM)
            until(lambda: is_refused(gateway.port), seconds=2)
            assert begun.result().body["result"]["isError"] is False


def is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except ConnectionRefusedError:
        return True
    return False
