"""The portal's public addresses: bookmarks, mails and scripts hold them, so one is never changed by accident."""

from flask import Flask

from tests.webapp.portal.conftest import portal_settings
from webapp.app import create_app

FROZEN = """
GET  /
GET  /accounts
GET  /accounts/<uuid:account_id>
GET  /accounts/new
GET  /healthz
GET  /readyz
GET  /settings
GET  /sign-in
GET  /sign-up
GET  /static/<path:filename>
GET  /workspaces
GET  /workspaces/<uuid:workspace_id>
GET  /workspaces/<uuid:workspace_id>/activity
GET  /workspaces/<uuid:workspace_id>/delete
GET  /workspaces/<uuid:workspace_id>/servers
GET  /workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/remove
GET  /workspaces/<uuid:workspace_id>/servers/new
GET  /workspaces/<uuid:workspace_id>/settings
GET  /workspaces/<uuid:workspace_id>/tokens
GET  /workspaces/<uuid:workspace_id>/tokens/<uuid:token_id>/revoke
GET  /workspaces/new
POST /accounts/<uuid:account_id>
POST /accounts/new
POST /settings
POST /settings/password
POST /sign-in
POST /sign-out
POST /sign-up
POST /workspaces/<uuid:workspace_id>/delete
POST /workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/disable
POST /workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/enable
POST /workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/probe
POST /workspaces/<uuid:workspace_id>/servers/<uuid:server_id>/remove
POST /workspaces/<uuid:workspace_id>/servers/new
POST /workspaces/<uuid:workspace_id>/settings
POST /workspaces/<uuid:workspace_id>/tokens
POST /workspaces/<uuid:workspace_id>/tokens/<uuid:token_id>/revoke
POST /workspaces/new
"""


def addresses(app: Flask) -> list[str]:
    return sorted(
        f"{method:<4} {rule.rule}"
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    )


def test_the_public_addresses_are_these() -> None:
    app = create_app(portal_settings("sqlite://", "redis://127.0.0.1:1"))
    assert addresses(app) == FROZEN.strip().splitlines()
    app.extensions["stoa"].close()
