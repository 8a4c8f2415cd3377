"""A database with the product's schema, made by the real migrations.

Rule: migrated once per engine kind; then copied, or emptied, for each test, since that takes milliseconds and a
migration does not.
"""

from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, delete

import common.models  # noqa: F401 — importing the models fills the metadata
from common.db import Base, make_engine
from local import ROOT

FOLDER = ROOT / "migrations"


def migration_config(engine: Engine) -> Config:
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.attributes["engine"] = engine
    return config


def migrate(url: str) -> str:
    """Brings the database at this URL to the newest revision; returns the URL."""
    engine = make_engine(url)
    command.upgrade(migration_config(engine), "head")
    engine.dispose()
    return url


def empty(url: str) -> str:
    """Removes every row; much faster than a new database where a server has to make it. Returns the URL."""
    engine = make_engine(url)
    with engine.begin() as connection:
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(delete(table))
    engine.dispose()
    return url
