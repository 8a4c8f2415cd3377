import json
import shlex

from local.programs import Ports
from local.welcome import Demo, curl_line, facts, parse_demo

PORTS = Ports(portal=8000, gateway=8080)
TOLD = {
    "email": "alice@example.com",
    "password": "correct horse",
    "workspace": {"id": "0198", "slug": "demo", "name": "Demo"},
    "token": "mwt_00",
    "mcp_json": {"mcpServers": {}},
}


def test_the_demo_is_read_as_the_operator_command_prints_it() -> None:
    demo = parse_demo(json.dumps(TOLD))
    assert demo == Demo(
        "alice@example.com", "correct horse", {"id": "0198", "slug": "demo"}, "mwt_00", TOLD["mcp_json"]
    )
    assert facts(PORTS, demo) == {
        "portal_url": "http://localhost:8000",
        "gateway_url": "http://localhost:8080",
        **TOLD,
        "workspace": {"id": "0198", "slug": "demo"},
    }


def test_without_a_demo_the_same_names_are_there() -> None:
    assert facts(PORTS, None).keys() == facts(PORTS, parse_demo(json.dumps(TOLD))).keys()
    assert facts(PORTS, None)["token"] is None


def test_the_curl_line_is_one_command_of_a_shell() -> None:
    words = shlex.split(curl_line("http://localhost:8080/ws/demo", "mwt_00"))
    assert words[:3] == ["curl", "-sS", "http://localhost:8080/ws/demo"]
    assert "Authorization: Bearer mwt_00" in words
    assert json.loads(words[-1])["method"] == "tools/list"
