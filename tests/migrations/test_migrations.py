"""The migrations make exactly what the models describe."""

import re
import subprocess
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, column, insert, inspect, table, text
from sqlalchemy.exc import DBAPIError

import common.models  # noqa: F401 — fills the metadata
from common.db import Base, make_engine
from tests.real.schema import FOLDER, migrate, migration_config


def test_migrated_database_equals_the_models(database_url: str):
    engine = make_engine(migrate(database_url))
    compared = {"compare_type": True, "compare_server_default": True, "target_metadata": Base.metadata}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts=compared)
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


def test_servers_that_are_there_go_on_sharing_one_session(database_url: str):
    engine = make_engine(database_url)
    config = migration_config(engine)
    command.upgrade(config, "0001")
    add_server_as_the_first_release_does(engine)
    command.upgrade(config, "head")
    assert read_servers(engine, "name, sessions") == [("Kept", "shared")]
    with engine.begin() as connection:
        connection.execute(text("UPDATE servers SET sessions = 'client'"))
    command.downgrade(config, "0001")
    assert read_servers(engine, "name, timeout") == [("Kept", 60)]
    assert "sessions" not in {column["name"] for column in inspect(engine).get_columns("servers")}
    command.upgrade(config, "head")
    assert read_servers(engine, "name, sessions") == [("Kept", "shared")]
    engine.dispose()


def test_while_a_release_rolls_out_the_one_before_it_still_adds_servers(database_url: str):
    engine = make_engine(migrate(database_url))
    add_server_as_the_first_release_does(engine)
    assert read_servers(engine, "name, sessions") == [("Kept", "shared")]
    engine.dispose()


def add_server_as_the_first_release_does(engine: Engine) -> None:
    """With its account and workspace, naming only the columns that there were then."""
    now = datetime.now(UTC)
    id = uuid.uuid4()
    rows: dict[str, dict[str, Any]] = {
        "accounts": {
            "name": "Acme",
            "plan": "free",
            "created_at": now,
            "activity_key": b"",
            "activity_seq": 0,
            "activity_head": b"",
        },
        "workspaces": {
            "account_id": id,
            "slug": "kept",
            "name": "Kept",
            "description": "",
            "status": "active",
            "region": "local",
            "tenancy": "shared",
            "rate_limit": 60,
            "execution_timeout": 60,
            "version": 1,
            "data_key": b"",
            "created_at": now,
        },
        "servers": {
            "workspace_id": id,
            "name": "Kept",
            "prefix": "",
            "url": "https://tools.example/mcp",
            "auth": "none",
            "enabled": True,
            "connect_timeout": 5,
            "timeout": 60,
            "era": "legacy",
            "server_name": "",
            "server_version": "",
            "tools": [],
            "probed_at": now,
            "created_at": now,
        },
    }
    with engine.begin() as connection:
        for name, values in rows.items():
            columns = [column(key, Base.metadata.tables[name].c[key].type) for key in ("id", *values)]
            connection.execute(insert(table(name, *columns)).values({"id": id, **values}))


def read_servers(engine: Engine, columns: str) -> list[tuple[Any, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(f"SELECT {columns} FROM servers"))]


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
        head = ScriptDirectory(str(FOLDER)).get_current_head()
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalars().all() == [head]
    engine.dispose()


def test_a_migration_that_fails_leaves_nothing_behind(database_url: str):
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE calls (id INTEGER)")
    with pytest.raises(DBAPIError):
        command.upgrade(migration_config(engine), "head")
    assert inspect(engine).get_table_names() == ["calls"]
    engine.dispose()
