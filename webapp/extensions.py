"""The Flask extensions of the portal, not yet bound to an app.

Rule: engine and models are ours; Flask-SQLAlchemy gives each request its session, and Flask-Migrate its command.
"""

from typing import Any

from flask import Flask
from flask_login import LoginManager
from flask_migrate import Migrate
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import CSRFProtect
from sqlalchemy import Engine


class Database(SQLAlchemy):
    """One session a request, on the engine of the process; its objects stay readable after the commit."""

    def __init__(self) -> None:
        super().__init__(session_options={"expire_on_commit": False})

    def _apply_driver_defaults(self, options: dict[str, Any], app: Flask) -> None:
        """Nothing: it would move a relative path of SQLite into a folder of its own."""

    def _make_engine(self, bind_key: str | None, options: dict[str, Any], app: Flask) -> Engine:
        return app.extensions["stoa"].engine


database = Database()
migrate = Migrate()
login_manager = LoginManager()
csrf = CSRFProtect()
