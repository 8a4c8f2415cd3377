"""The database keeps what was written, on SQLite as on PostgreSQL."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, insert, select, text, update
from sqlalchemy.exc import DBAPIError, StatementError

from common.db import UTCDateTime, make_engine, write_options
from tests.threads import at_once

metadata = MetaData()
counters = Table("counters", metadata, Column("id", Integer, primary_key=True), Column("value", Integer))
moments = Table("moments", metadata, Column("id", Integer, primary_key=True), Column("at", UTCDateTime))


def test_no_update_is_lost_between_threads(database_url: str):
    engine = make_engine(database_url)
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(insert(counters).values(id=1, value=0))

    def count_up(_: int) -> None:
        for _ in range(20):
            with engine.connect().execution_options(**write_options) as connection, connection.begin():
                value = connection.execute(select(counters.c.value).with_for_update()).scalar_one()
                connection.execute(update(counters).values(value=value + 1))

    at_once(4, count_up)
    with engine.begin() as connection:
        assert connection.scalar(select(counters.c.value)) == 80
    engine.dispose()


def test_a_time_comes_back_as_the_same_moment_in_utc(database_url: str):
    engine = make_engine(database_url)
    metadata.create_all(engine)
    moment = datetime(2026, 11, 20, 12, 30, 15, 123456, tzinfo=timezone(timedelta(hours=5)))
    with engine.begin() as connection:
        connection.execute(insert(moments).values(id=1, at=moment))
        stored = connection.execute(select(moments.c.at)).scalar_one()
        assert (stored, stored.tzinfo) == (moment, UTC)
        with pytest.raises(StatementError, match="time zone"):
            connection.execute(insert(moments).values(id=2, at=datetime(2026, 1, 1)))
    engine.dispose()


def test_a_read_only_engine_cannot_write(database_url: str):
    engine = make_engine(database_url)
    metadata.create_all(engine)
    reading = make_engine(database_url, read_only=True)
    with pytest.raises(DBAPIError), reading.begin() as connection:
        connection.execute(insert(counters).values(id=1, value=0))
    engine.dispose()
    reading.dispose()


def test_an_error_does_not_repeat_what_the_statement_carried(database_url: str):
    engine = make_engine(database_url)
    with pytest.raises(DBAPIError) as failure, engine.begin() as connection:
        connection.execute(text("INSERT INTO nowhere VALUES (:hash)"), {"hash": "argon2-of-alice"})
    assert "argon2-of-alice" not in str(failure.value)
    engine.dispose()
