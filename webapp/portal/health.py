"""Whether this process is alive, and whether it is able to serve.

Rule: says nothing that a stranger may not know, and needs no session.
"""

from flask import Blueprint, Response, current_app
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from common.errors import Unavailable
from webapp.context import Context
from webapp.extensions import database
from webapp.portal.door import door

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
@door(public=True)
def alive(ctx: Context) -> Response:
    return Response("alive\n", mimetype="text/plain")


@blueprint.get("/readyz")
@door(public=True)
def ready(ctx: Context) -> Response:
    """503 names what is missing: the database or Redis."""
    missing = [name for name, is_there in (("database", _has_database()), ("redis", _has_redis())) if not is_there]
    sentence = f"waiting for {' and '.join(missing)}\n" if missing else "ready\n"
    return Response(sentence, status=503 if missing else 200, mimetype="text/plain")


def _has_database() -> bool:
    try:
        with database.engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True


def _has_redis() -> bool:
    try:
        current_app.extensions["throttle"].ping()
    except Unavailable:
        return False
    return True
