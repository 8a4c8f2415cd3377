"""Runs migrations: under `flask db` on the application's engine, or on one handed in by the caller.

Rule: online only, each run in one transaction that takes the write lock first, so that two runs do not meet.
"""

from alembic import context
from flask import current_app
from sqlalchemy import Engine, text

import common.models  # noqa: F401 — importing the models fills the metadata
from common.db import Base, write_options

# Any number that nothing else uses: PostgreSQL's lock for "a migration is running".
MIGRATION_LOCK = 5_274_861


def _find_engine() -> Engine:
    engine = context.config.attributes.get("engine")
    return engine or current_app.extensions["migrate"].db.engine


def _run() -> None:
    if context.is_offline_mode():
        raise SystemExit("Migrations need the database: this project does not render them to SQL.")
    with _find_engine().connect().execution_options(**write_options) as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            compare_type=True,
            # Our SQLite connections begin transactions themselves, so that DDL can be rolled back there as well.
            transactional_ddl=True,
            render_as_batch=connection.dialect.name == "sqlite",
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
            context.run_migrations()


_run()
