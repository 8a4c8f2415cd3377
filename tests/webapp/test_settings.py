"""The settings of the portal."""

import base64

import pytest

from common.settings import Environment, SettingsError
from webapp.settings import PortalSettings

ENOUGH = {
    "SECRET_KEY": "s" * 32,
    "REDIS_URL": "redis://localhost",
    "STOA_MASTER_KEYS": base64.b64encode(bytes(32)).decode(),
}


@pytest.mark.parametrize("name", ENOUGH)
def test_a_missing_setting_is_named(name: str) -> None:
    with pytest.raises(SettingsError, match=name):
        PortalSettings.read(Environment({key: value for key, value in ENOUGH.items() if key != name}))


def test_a_short_secret_key_is_refused() -> None:
    with pytest.raises(SettingsError, match="SECRET_KEY must have at least 32 characters"):
        PortalSettings.read(Environment({**ENOUGH, "SECRET_KEY": "short"}))


def test_no_secret_is_printed_with_the_settings() -> None:
    assert "s" * 32 not in repr(PortalSettings.read(Environment(ENOUGH)))


def test_whether_it_is_https_follows_the_portal_s_address() -> None:
    assert not PortalSettings.read(Environment(ENOUGH)).is_https
    assert PortalSettings.read(Environment({**ENOUGH, "STOA_PORTAL_URL": "https://p.example"})).is_https
