"""A worker that is woken up relays the outbox; a real one, over a real broker."""

import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import func, select

from common import clock, outbox
from common.admission.records import Opening
from common.models import OutboxMessage
from local import ROOT
from tests.cast import Cast, make_settings, variables_of
from tests.real.processes import environment
from tests.waiting import until
from webapp.jobs.broker import make_celery, render_kombu_url
from webapp.jobs.schedule import SCHEDULE
from webapp.jobs.settings import JobSettings
from webapp.transaction import OPEN, render_opening


def test_the_broker_of_a_unix_socket_is_spelled_as_kombu_wants_it():
    assert render_kombu_url("unix:///run/valkey.sock") == "redis+socket:///run/valkey.sock"
    assert render_kombu_url("redis://:secret@host:6379/0") == "redis://:secret@host:6379/0"


def test_every_scheduled_task_exists_and_its_wake_ups_expire():
    celery = make_celery(
        make_settings("sqlite:///none", "unix:///none.sock", JobSettings, broker_url="unix:///none.sock")
    )
    for entry in SCHEDULE.values():
        assert entry["task"] in celery.tasks
        assert entry["options"]["expires"] > entry["schedule"]


def test_a_real_worker_with_beat_settles_what_is_due(cast: Cast, tmp_path: Path):
    with cast.session() as session:
        past = clock.now() - timedelta(seconds=10)
        opening = Opening(kind="workspace", slug=cast.workspace.slug, digest=None)
        outbox.enqueue(session, OPEN, render_opening(opening), now=past, due_at=past)
    command = "-m celery -A webapp.jobs.celery worker --beat --concurrency 1 --without-gossip --without-mingle"
    with (tmp_path / "worker.log").open("wb") as log:
        worker = subprocess.Popen(
            [sys.executable, *command.split()],
            cwd=tmp_path,
            env=environment(variables_of(cast.resources.settings) | {"PYTHONPATH": str(ROOT)}),
            stdout=log,
            stderr=log,
        )
    try:

        def is_settled() -> bool:
            with cast.session() as session:
                return session.scalars(select(func.count()).select_from(OutboxMessage)).one() == 0

        until(is_settled, seconds=60)
    finally:
        worker.send_signal(signal.SIGTERM)
        worker.wait(30)
    assert b"Traceback" not in (tmp_path / "worker.log").read_bytes()
