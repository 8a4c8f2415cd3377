import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from local.database import is_up_to_date
from tests.real.schema import migrate


def test_a_migrated_database_is_up_to_date(tmp_path: Path) -> None:
    database = tmp_path / "with space" / "stoa.db"
    database.parent.mkdir()
    migrate(f"sqlite:///{database}")
    assert is_up_to_date(database)


def test_one_that_is_missing_is_not_and_is_not_made(tmp_path: Path) -> None:
    assert not is_up_to_date(tmp_path / "stoa.db")
    assert not (tmp_path / "stoa.db").exists()


@pytest.mark.parametrize("version", ["0000", "9999"])
def test_one_of_another_version_is_not(tmp_path: Path, version: str) -> None:
    database = tmp_path / "stoa.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("CREATE TABLE alembic_version (version_num)")
        connection.execute("INSERT INTO alembic_version VALUES (?)", (version,))
    assert not is_up_to_date(database)


def test_what_is_no_database_is_not(tmp_path: Path) -> None:
    (tmp_path / "stoa.db").write_text("nonsense")
    assert not is_up_to_date(tmp_path / "stoa.db")
