"""No call is lost or written twice, whoever dies or stops answering on the way."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import create_engine, func, select
from sqlalchemy.exc import SQLAlchemyError

from common.admission.ask import Asker
from common.admission.line import connect
from common.admission.records import Ending
from common.models import Call
from local import ROOT
from tests.cast import Cast, variables_of
from tests.real.processes import environment
from tests.real.valkey import RealValkey
from tests.waiting import until
from tests.webapp.jobs.ingest.test_records import FIELDS
from webapp.jobs.ingest import streams
from webapp.jobs.ingest.streams import CallStreams, connect_streams
from webapp.jobs.ingest.work import Ingest


def end(cast: Cast, numbers: range, **changes: str) -> None:
    asker = Asker(connect(cast.resources.settings.redis_url), boot="b", window_us=1)
    fields = {**FIELDS, "workspace": cast.workspace.id.hex, "token": cast.dana.id.hex, **changes}
    asker.end([Ending(cast.workspace.slug, f"call-{number:05d}", fields) for number in numbers])
    asker.close()


def written(cast: Cast) -> int:
    with cast.session() as session:
        return session.scalars(select(func.count()).select_from(Call)).one()


def make_ingest(cast: Cast, consumer: str = "one") -> Ingest:
    return Ingest(cast.resources, CallStreams(connect_streams(cast.resources.settings.redis_url), consumer))


@contextmanager
def ingesting(cast: Cast, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process of its own, as it is deployed; gone at the end, whatever became of it."""
    command = [sys.executable, "-m", "webapp.jobs.ingest"]
    variables = environment(variables_of(cast.resources.settings))
    with (folder / "ingest.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def test_calls_arrive_in_the_database(cast: Cast):
    ingest = make_ingest(cast)
    ingest.turn(1)
    end(cast, range(50))
    assert ingest.turn(1) == 50
    assert written(cast) == 50
    assert ingest.turn(1) == 0


def test_an_unreadable_record_is_passed_over(cast: Cast):
    ingest = make_ingest(cast)
    ingest.turn(1)
    end(cast, range(1), token="no id")
    end(cast, range(1, 3))
    assert ingest.turn(1) == 3
    assert written(cast) == 2


def test_a_batch_that_the_database_did_not_take_is_kept_and_written_later(cast: Cast):
    ingest = make_ingest(cast)
    ingest.turn(1)
    end(cast, range(5))
    rename(cast, "calls", "away")
    with pytest.raises(SQLAlchemyError):
        ingest.turn(1)
    rename(cast, "away", "calls")
    assert ingest.turn(1) == 5
    assert written(cast) == 5


def rename(cast: Cast, before: str, after: str) -> None:
    engine = create_engine(cast.resources.settings.database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql(f"ALTER TABLE {before} RENAME TO {after}")
    engine.dispose()


def test_it_waits_for_a_redis_that_is_away_and_goes_on(cast: Cast, valkey: RealValkey):
    stop = threading.Event()
    working = threading.Thread(target=make_ingest(cast).run, args=(stop,))
    end(cast, range(5))
    working.start()
    try:
        until(lambda: written(cast) == 5)
        valkey.stop()
        valkey.start()
        end(cast, range(5, 10))
        until(lambda: written(cast) == 10, seconds=20)
    finally:
        stop.set()
        working.join(10)
    assert not working.is_alive()


def test_killed_at_any_point_no_call_is_lost_or_counted_twice(
    cast: Cast, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A process is killed in the middle of its work; another one takes over what it held."""
    with ingesting(cast, tmp_path) as process:
        for start in range(0, 3000, 500):
            end(cast, range(start, start + 500))
        until(lambda: written(cast) > 0, seconds=30)
        process.kill()
    end(cast, range(3000, 3500))
    monkeypatch.setattr(streams, "ABANDONED_MS", 0)
    ingest = make_ingest(cast, "two")
    for _ in range(100):
        if not ingest.turn(1) and written(cast) == 3500:
            break
    assert written(cast) == 3500
    with cast.session() as session:
        session.add(cast.dana)
        session.refresh(cast.dana)
        assert cast.dana.calls == 3500


def test_sigterm_ends_the_process_in_order(cast: Cast, tmp_path: Path):
    end(cast, range(3))
    with ingesting(cast, tmp_path) as process:
        until(lambda: written(cast) == 3, seconds=30)
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
