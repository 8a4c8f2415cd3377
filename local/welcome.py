"""What is on the screen, and in ready.json, when everything answers."""

import json
from dataclasses import dataclass
from typing import Any

from local.console import say
from local.programs import Ports


@dataclass(frozen=True, slots=True)
class Demo:
    """The demo workspace, as `flask operator demo` tells of it; `curl` is a line that lists its tools."""

    email: str
    password: str
    workspace: dict[str, str]
    token: str
    mcp_json: dict[str, Any]
    curl: str


def parse_demo(text: str) -> Demo:
    return Demo(**json.loads(text))


def addresses(ports: Ports) -> dict[str, str]:
    return {"portal_url": f"http://localhost:{ports.portal}", "gateway_url": f"http://localhost:{ports.gateway}"}


def facts(ports: Ports, demo: Demo | None) -> dict[str, object]:
    """What ready.json says; without a demo, what belongs to it is null."""
    return {
        **addresses(ports),
        "email": demo and demo.email,
        "password": demo and demo.password,
        "workspace": demo and demo.workspace,
        "token": demo and demo.token,
        "mcp_json": demo and demo.mcp_json,
    }


def greet(ports: Ports, demo: Demo | None) -> None:
    urls = addresses(ports)
    say()
    say(f"Portal    {urls['portal_url']}")
    if demo is None:
        say(f"          sign up at {urls['portal_url']}/sign-up and create a workspace")
        say(f"Gateway   {urls['gateway_url']}")
    else:
        url = f"{urls['gateway_url']}/ws/{demo.workspace['slug']}"
        say(f"          sign in as {demo.email} with {demo.password}")
        say(f"Gateway   {url}")
        say()
        say("For Claude, Cursor, VS Code and others:")
        say(json.dumps(demo.mcp_json, indent=2))
        say()
        say("In a shell:")
        say(demo.curl)
    say()
    say("Ctrl-C ends it.")
