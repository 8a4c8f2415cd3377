"""The database: the base of models, column types, how an engine is made.

Rule: a transaction that writes says so (`write_options`), so that SQLite takes its write lock at the start:
begun as a reading one, it would lose updates silently. Commits nothing itself.
"""

import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from sqlalchemy import DateTime, Dialect, Engine, MetaData, Uuid, create_engine, event
from sqlalchemy.engine import Connection, make_url
from sqlalchemy.orm import DeclarativeBase
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import JSON, TypeDecorator

# How long one statement may take, and how long it may wait for a lock: less than the 60 s for which a denial
# stands in Redis while its transaction commits, so that no denial ever expires before its commit.
STATEMENT_TIMEOUT_MS = 15_000
LOCK_TIMEOUT_MS = 10_000

write_options = {"stoa_write": True}


class UTCDateTime(TypeDecorator[datetime]):
    """An aware UTC datetime; SQLite would hand back a naive one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is not None and value.tzinfo is None:
            raise ValueError("A timestamp without a time zone cannot be stored.")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Base(DeclarativeBase):
    """The base of every model. Constraints are named, so that migrations can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: UTCDateTime,
        uuid.UUID: Uuid(),
        dict[str, Any]: JSON,
        list[Any]: JSON,
    }


def make_engine(url: str, *, read_only: bool = False, **options: Any) -> Engine:
    """An engine whose connections behave alike on SQLite and PostgreSQL.

    `read_only` is for the gateway: it must never be able to change anything. What statements carry (hashes, sealed
    values, addresses) stays out of their errors, and so out of logs.
    """
    options = {"hide_parameters": True, **options}
    if make_url(url).get_backend_name() == "sqlite":
        engine = create_engine(url, **options)
        _prepare_sqlite(engine, read_only=read_only)
        return engine
    settings = f"-c statement_timeout={STATEMENT_TIMEOUT_MS} -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC"
    if read_only:
        # What is read in one transaction is of one moment, as on SQLite.
        settings += r" -c default_transaction_read_only=on -c default_transaction_isolation=repeatable\ read"
    return create_engine(url, pool_pre_ping=True, connect_args={"options": settings, "connect_timeout": 5}, **options)


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _entry: ConnectionPoolEntry) -> None:
        # SQLAlchemy, not the driver, says when a transaction begins: see `begin` below.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout = {LOCK_TIMEOUT_MS}")
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL" if read_only else "PRAGMA synchronous = FULL")
        cursor.execute("PRAGMA foreign_keys = ON")
        if read_only:
            cursor.execute("PRAGMA query_only = ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writing = connection.get_execution_options().get("stoa_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")
