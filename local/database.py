"""The embedded database: whether it has had every migration.

Rule: only looks. It answers without an interpreter full of the product, which a start would otherwise wait for.
"""

import sqlite3
from contextlib import closing
from pathlib import Path

from local import ROOT

MIGRATIONS = ROOT / "migrations" / "versions"


def is_up_to_date(database: Path) -> bool:
    """Whether the newest migration is the one that `database` says it had last; False when in doubt."""
    newest = max(path.name.partition("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return connection.execute("SELECT version_num FROM alembic_version").fetchall() == [(newest,)]
    except sqlite3.Error:
        return False
