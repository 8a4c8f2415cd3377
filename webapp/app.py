"""The portal: its settings, its parts and its pages, put together.

Rule: a table of contents. Whatever decides anything is elsewhere; importing this module does nothing.
"""

from threading import BoundedSemaphore
from typing import Any

import structlog
from flask import Flask, g
from jinja2 import StrictUndefined
from werkzeug.middleware.proxy_fix import ProxyFix

from common import ids
from webapp.extensions import csrf, database, login_manager, migrate
from webapp.operator import operator
from webapp.portal import (
    accounts,
    activity,
    errors,
    headers,
    health,
    home,
    rendering,
    servers,
    tokens,
    users,
    visitors,
    workspaces,
)
from webapp.portal.throttle import Throttle
from webapp.resources import open_resources
from webapp.settings import PortalSettings

LARGEST_FORM_BYTES = 128 * 1024
TRIES_AT_ONCE = 3  # servers tried by one process, of whose threads each try takes one
SESSION_SECONDS = 30 * 24 * 3600  # a month: the portal is a place that people visit now and then

PAGES = (home, users, accounts, workspaces, servers, tokens, activity, health)


def create_app(settings: PortalSettings) -> Flask:
    app = Flask("webapp")
    app.config.from_mapping(_configuration(settings))
    app.jinja_env.undefined = StrictUndefined
    app.extensions["stoa"] = open_resources(settings)
    app.extensions["throttle"] = Throttle(settings.redis_url)
    app.extensions["tries"] = BoundedSemaphore(TRIES_AT_ONCE)
    _trust_proxies(app, settings.trusted_proxies)
    _name_requests(app)
    database.init_app(app)
    migrate.init_app(app, database)
    login_manager.init_app(app)
    csrf.init_app(app)
    visitors.install()
    headers.install(app, is_https=settings.is_https)
    rendering.install(app, gateway_url=settings.gateway_url)
    errors.install(app)
    for page in PAGES:
        app.register_blueprint(page.blueprint)
    app.cli.add_command(operator)
    return app


def _configuration(settings: PortalSettings) -> dict[str, Any]:
    return {
        "SECRET_KEY": settings.secret_key,
        "SQLALCHEMY_DATABASE_URI": settings.database_url,
        "MAX_CONTENT_LENGTH": LARGEST_FORM_BYTES,
        "PERMANENT_SESSION_LIFETIME": SESSION_SECONDS,
        # A browser takes a __Host- cookie only over https and for this host alone.
        "SESSION_COOKIE_NAME": "__Host-stoa" if settings.is_https else "stoa",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        # A form is good for as long as its session: a page left open over lunch still works.
        "WTF_CSRF_TIME_LIMIT": None,
    }


def _trust_proxies(app: Flask, hops: int) -> None:
    """The client's address and scheme are what the outermost of our own proxies saw."""
    if hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops)  # type: ignore[method-assign]  # as Flask documents it


def _name_requests(app: Flask) -> None:
    @app.before_request
    def name() -> None:
        g.request_id = ids.new_id().hex
        structlog.contextvars.bind_contextvars(request_id=g.request_id)
