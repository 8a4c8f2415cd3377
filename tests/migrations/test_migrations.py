"""The migrations make exactly what the models describe."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlalchemy.exc import DBAPIError

import common.models  # noqa: F401 — fills the metadata
from common.db import Base, make_engine
from tests.real.schema import FOLDER, migrate, migration_config


def test_migrated_database_equals_the_models(database_url: str):
    engine = make_engine(migrate(database_url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": Base.metadata})
        assert compare_metadata(context, Base.metadata) == []
    engine.dispose()


def test_migrations_can_be_undone_and_done_again(database_url: str):
    engine = make_engine(migrate(database_url))
    config = migration_config(engine)
    command.downgrade(config, "base")
    assert set(inspect(engine).get_table_names()) <= {"alembic_version"}
    command.upgrade(config, "head")
    command.upgrade(config, "head")
    engine.dispose()


def test_migrations_are_numbered_in_one_line():
    script = ScriptDirectory(str(FOLDER))
    revisions = [revision.revision for revision in script.walk_revisions()][::-1]
    assert revisions == [f"{number:04d}" for number in range(1, len(revisions) + 1)]
    for path in Path(FOLDER, "versions").glob("*.py"):
        assert re.fullmatch(r"\d{4}_[a-z0-9_]+\.py", path.name)


def test_two_that_migrate_at_once_do_it_once(database_url: str):
    script = "import sys; from tests.real.schema import migrate; migrate(sys.argv[1])"
    running = [subprocess.Popen([sys.executable, "-c", script, database_url], cwd=FOLDER.parent) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    engine = make_engine(database_url)
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == ["0001"]
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str):
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE calls (id INTEGER)")
    with pytest.raises(DBAPIError):
        command.upgrade(migration_config(engine), "head")
    assert inspect(engine).get_table_names() == ["calls"]
    engine.dispose()
