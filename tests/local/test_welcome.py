import json
from typing import Any

import pytest

from local.programs import Ports
from local.welcome import Demo, facts, greet, parse_demo

PORTS = Ports(portal=8000, gateway=8080)
TOLD: dict[str, Any] = {
    "email": "alice@example.com",
    "password": "correct horse",
    "workspace": {"id": "0198", "slug": "demo"},
    "token": "mwt_00",
    "mcp_json": {"mcpServers": {}},
    "curl": "curl -sS http://localhost:8080/ws/demo",
}


def test_the_demo_is_read_as_the_operator_command_prints_it() -> None:
    demo = parse_demo(json.dumps(TOLD))
    assert demo == Demo(**TOLD)
    assert facts(PORTS, demo) == {
        "portal_url": "http://localhost:8000",
        "gateway_url": "http://localhost:8080",
        **{name: value for name, value in TOLD.items() if name != "curl"},
    }


def test_without_a_demo_the_same_names_are_there() -> None:
    assert facts(PORTS, None).keys() == facts(PORTS, Demo(**TOLD)).keys()
    assert facts(PORTS, None)["token"] is None


def test_the_greeting_has_the_curl_line_on_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    greet(PORTS, Demo(**TOLD))
    assert TOLD["curl"] in capsys.readouterr().out.splitlines()
