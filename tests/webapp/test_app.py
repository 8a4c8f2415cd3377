"""The portal as a whole."""

import pytest

from common.models import Activity
from tests.cast import assemble
from tests.webapp.portal.browser import Browser
from tests.webapp.portal.conftest import portal_settings
from webapp.app import create_app


@pytest.mark.parametrize(("hops", "address"), [(0, "127.0.0.1"), (1, "203.0.113.9"), (2, "198.51.100.7")])
def test_the_client_s_address_is_what_the_outermost_trusted_proxy_saw(
    migrated_sqlite_url: str, redis_url: str, hops: int, address: str
) -> None:
    app = create_app(portal_settings(migrated_sqlite_url, redis_url, trusted_proxies=hops))
    cast = assemble(app.extensions["stoa"])
    alice = Browser(app).sign_in(cast.alice)
    token = alice.token()
    alice.client.post(
        f"/workspaces/{cast.workspace.id}/tokens",
        data={"csrf_token": token, "name": "Laptop", "environment": "prod"},
        headers={"X-Forwarded-For": "192.0.2.1, 198.51.100.7, 203.0.113.9"},
    )
    with cast.session() as session:
        told = session.query(Activity).filter_by(target="Laptop").one()
        assert told.address == address
        assert len(told.request_id) == 32
    app.extensions["stoa"].close()


def test_a_walk_through_the_portal_works_on_both_databases(migrated_url: str, redis_url: str) -> None:
    app = create_app(portal_settings(migrated_url, redis_url))
    erin = Browser(app)
    erin.post("/sign-up", name="Erin", email="erin@example.com", password="a good long password")
    account = erin.get("/workspaces/new").text.partition('id="account"')[2].partition('value="')[2].partition('"')[0]
    place = erin.post("/workspaces/new", name="Tools", account=account, region="local").headers["Location"]
    assert erin.post(f"{place}/tokens", name="Laptop", environment="prod").status_code == 200
    for path in (place, f"{place}/tokens", f"{place}/servers", f"{place}/activity", "/accounts"):
        assert erin.get(path).status_code == 200
    assert erin.post(f"{place}/delete", typed_slug="tools").status_code == 303
    assert erin.get(place).status_code == 404
    app.extensions["stoa"].close()
