"""`python -m webapp.jobs.ingest`: the process that writes calls down."""

import signal
import threading
from contextlib import suppress

from redis.exceptions import RedisError

from common import ids
from common.logs import configure_logs
from common.settings import read_or_exit
from webapp.jobs.ingest.streams import CallStreams, connect_streams
from webapp.jobs.ingest.work import Ingest
from webapp.jobs.settings import JobSettings
from webapp.resources import open_resources


def main() -> None:
    configure_logs("ingest")
    settings = read_or_exit(JobSettings, "ingest")
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    streams = CallStreams(connect_streams(settings.redis_url), consumer=ids.new_id().hex)
    resources = open_resources(settings)
    # Tidying can wait for the next start; a Redis that is down is waited for below.
    with suppress(RedisError):
        streams.forget_the_dead()
    Ingest(resources, streams).run(stop)
    resources.close()


if __name__ == "__main__":
    main()
