"""What the celery command loads, with this process's settings."""

from common.settings import read_or_exit
from webapp.jobs.broker import make_celery
from webapp.jobs.settings import JobSettings

celery = make_celery(read_or_exit(JobSettings, "worker"))
