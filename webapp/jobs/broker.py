"""The Celery application: how wake-ups travel, and their tasks.

Rule: a message carries no work, only the name of a task; losing one or taking it twice changes nothing. What the tasks
need is opened in the worker's own process, after the fork.
"""

from functools import cached_property
from typing import Any

from celery import Celery, Task
from celery.signals import setup_logging

from common.logs import configure_logs
from webapp.jobs import relay_outbox
from webapp.jobs.schedule import SCHEDULE
from webapp.jobs.settings import JobSettings
from webapp.resources import Resources, open_resources

# A wake-up that a killed worker held is given to another after this long; no task takes nearly as much.
VISIBILITY_SECONDS = 60
# Beat holds a lock so that only one runs; after it was killed, another takes over when the lock has expired.
BEAT_LOCK_SECONDS = 15
BEAT_LOOP_SECONDS = 2


class ResourcefulTask(Task):
    """A task of a process that opens its resources once, when its first task runs."""

    settings: JobSettings

    @cached_property
    def resources(self) -> Resources:
        return open_resources(self.settings)


def make_celery(settings: JobSettings) -> Celery:
    celery = Celery("stoa", set_as_current=False)
    celery.conf.update(
        broker_url=render_kombu_url(settings.broker_url),
        broker_connection_retry_on_startup=True,
        broker_transport_options={
            "global_keyprefix": "jobs:",
            "visibility_timeout": VISIBILITY_SECONDS,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 5,
        },
        redbeat_redis_url=settings.broker_url,
        redbeat_redis_options={"socket_connect_timeout": 5},
        redbeat_key_prefix="jobs:redbeat:",
        redbeat_lock_timeout=BEAT_LOCK_SECONDS,
        beat_max_loop_interval=BEAT_LOOP_SECONDS,
        beat_scheduler="redbeat.RedBeatScheduler",
        beat_schedule=SCHEDULE,
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        worker_send_task_events=False,
        timezone="UTC",
    )

    @celery.task(name="relay_outbox", base=ResourcefulTask, bind=True, settings=settings)
    def _relay_outbox(task: ResourcefulTask) -> None:
        relay_outbox.relay_outbox(task.resources)

    return celery


def render_kombu_url(url: str) -> str:
    """Kombu spells a Unix socket differently from everybody else."""
    return url.replace("unix://", "redis+socket://", 1) if url.startswith("unix://") else url


@setup_logging.connect
def _set_up_logging(**_: Any) -> None:
    configure_logs("worker")
