"""Alive and able."""

from flask import Flask

from tests.real.valkey import RealValkey


def test_a_portal_with_all_it_needs_is_alive_and_ready(app: Flask) -> None:
    client = app.test_client()
    assert client.get("/healthz").text == "alive\n"
    assert client.get("/readyz").text == "ready\n"


def test_without_redis_it_is_alive_but_not_ready(app: Flask, valkey: RealValkey) -> None:
    client = app.test_client()
    valkey.stop()
    try:
        assert client.get("/healthz").status_code == 200
        answer = client.get("/readyz")
    finally:
        valkey.start()
    assert (answer.status_code, answer.text) == (503, "waiting for redis\n")
    assert client.get("/readyz").status_code == 200
