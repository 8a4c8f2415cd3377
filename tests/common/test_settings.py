"""Bad settings are named; good ones are typed."""

import base64
import subprocess
import sys
from ipaddress import ip_network

import pytest

from common.settings import Environment, SettingsError, SharedSettings, shared_fields
from tests.real.processes import ROOT, environment

KEY = base64.b64encode(b"k" * 32).decode()
GOOD = {"REDIS_URL": "redis://localhost", "STOA_MASTER_KEYS": KEY}


def read(**variables: str) -> SharedSettings:
    return SharedSettings(**shared_fields(Environment(GOOD | variables)))


def test_the_defaults_are_those_of_one_machine():
    settings = read()
    assert settings.database_url == "sqlite:///var/stoa.db"
    assert settings.rate_window_us == 60_000_000
    assert settings.default_plan == "free"
    assert settings.regions == ("local",)
    assert settings.allow_private_upstreams == ()


def test_a_heroku_database_url_names_our_driver():
    assert read(DATABASE_URL="postgres://u:p@h/d").database_url == "postgresql+psycopg://u:p@h/d"


def test_networks_and_a_window_for_benches_are_read():
    settings = read(STOA_ALLOW_PRIVATE_UPSTREAMS="127.0.0.0/8, ::1/128", STOA_RATE_WINDOW="0.000001")
    assert settings.allow_private_upstreams == (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    assert settings.rate_window_us == 1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", ""),
        ("STOA_MASTER_KEYS", ""),
        ("STOA_MASTER_KEYS", "not base64!"),
        ("STOA_MASTER_KEYS", base64.b64encode(b"short").decode()),
        ("DATABASE_URL", "mysql://x"),
        ("STOA_PORTAL_URL", "ftp://x"),
        ("STOA_GATEWAY_URL", "tools.example.com"),
        ("STOA_RATE_WINDOW", "soon"),
        ("STOA_RATE_WINDOW", "0"),
        ("STOA_RATE_WINDOW", "nan"),
        ("STOA_TRUSTED_PROXIES", "-1"),
        ("STOA_TRUSTED_PROXIES", "1.5"),
        ("STOA_ALLOW_PRIVATE_UPSTREAMS", "10.0.0.1/8"),
        ("STOA_ALLOW_HTTP_UPSTREAMS", "maybe"),
        ("STOA_DEFAULT_PLAN", "gold"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str):
    with pytest.raises(SettingsError, match=name):
        read(**{name: value})


def test_secrets_do_not_appear_in_the_representation():
    assert "kkkk" not in repr(read())
    assert "hunter2" not in repr(read(DATABASE_URL="postgres://u:hunter2@h/d", REDIS_URL="redis://:hunter2@h"))


@pytest.mark.parametrize(
    "command",
    [
        ["-m", "gateway"],
        ["-m", "webapp.jobs.ingest"],
        ["-m", "celery", "-A", "webapp.jobs.celery", "worker"],
    ],
    ids=["gateway", "ingest", "worker"],
)
def test_a_process_that_cannot_start_says_why_in_one_line(command: list[str]):
    variables = environment({"REDIS_URL": "unix:///nowhere", "STOA_MASTER_KEYS": "not a key"})
    ended = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=variables, capture_output=True, text=True, check=False
    )
    assert ended.returncode != 0
    assert "STOA_MASTER_KEYS" in ended.stderr.strip().splitlines()[-1]
    assert "Traceback" not in ended.stderr
