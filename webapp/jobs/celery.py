"""What the celery command loads, with this process's settings."""

from common.settings import read_environment
from webapp.jobs.broker import make_celery
from webapp.jobs.settings import JobSettings

celery = make_celery(JobSettings.read(read_environment()))
