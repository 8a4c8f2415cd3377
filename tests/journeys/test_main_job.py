"""The main job through public doors only: from sign-up in a browser to a tool call, and to the dead token."""

import asyncio
import sys
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from playwright.sync_api import Page

from local.ports import free_port
from tests.cast import make_settings, variables_of
from tests.journeys.browsers import chromium
from tests.journeys.conftest import Start
from tests.real.portal import RealPortal
from tests.real.processes import RealProcess

PASSWORD = "seven green umbrellas"
MODES = ("auto", "legacy", "2026-07-28")


@contextmanager
def example_server(folder: Path) -> Iterator[str]:
    """The repository's own example, as a process of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "examples.notes_server", "--port", str(port)]
    server = RealProcess(command, {}, folder / "example.log", f"{url}/healthz")
    try:
        server.start()
        yield f"{url}/mcp"
    finally:
        server.stop()


@pytest.fixture
def portal(migrated_sqlite_url: str, redis_url: str, tmp_path: Path) -> Iterator[RealPortal]:
    portal = RealPortal(tmp_path, variables_of(make_settings(migrated_sqlite_url, redis_url)))
    yield portal
    portal.stop()


@pytest.mark.browser
def test_from_sign_up_to_a_call_and_to_the_dead_token(portal: RealPortal, start_gateway: Start, tmp_path: Path):
    gateway = start_gateway(processes=2)
    portal.also({"STOA_GATEWAY_URL": gateway.url})
    portal.start()
    with example_server(tmp_path) as server_url, chromium() as browser:
        page = browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        requested: list[str] = []
        page.on("request", lambda request: requested.append(request.url))

        sign_up(page, portal.url)
        create_workspace(page)
        gateway_url = add_server(page, server_url)
        assert gateway_url == f"{gateway.url}/ws/dev-tools"
        token = create_token(page)
        for mode in MODES:
            run_apart(use_tools(gateway_url, token, mode))

        revoke(page)
        refusal = pytest.RaisesExc(MCPError, match="opens nothing here")
        with pytest.RaisesGroup(refusal, flatten_subgroups=True):
            run_apart(use_tools(gateway_url, token, "legacy"))
        assert gateway.post("dev-tools", token, {"jsonrpc": "2.0", "id": 1, "method": "ping"}).status == 401

        assert complaints == []
        assert [url for url in requested if not url.startswith((portal.url, "data:"))] == []


def sign_up(page: Page, portal_url: str) -> None:
    page.goto(portal_url)
    page.get_by_role("link", name="Create an account").or_(page.get_by_role("link", name="Sign up")).first.click()
    page.get_by_label("Name").fill("Alice")
    page.get_by_label("E-mail").fill("alice@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Create account").click()


def create_workspace(page: Page) -> None:
    page.get_by_role("link", name="workspace").filter(has_text="workspace").first.wait_for()
    page.get_by_role("main").get_by_role("link", name="workspace").first.click()
    page.get_by_label("Name", exact=True).fill("Dev Tools")
    page.get_by_role("button", name="Create workspace").click()


def add_server(page: Page, server_url: str) -> str:
    """The gateway's address, as the page of the workspace shows it."""
    page.get_by_role("heading", name="Dev Tools").wait_for()
    gateway_url = page.locator("#gateway-url").inner_text()
    page.get_by_role("link", name="Add a server").click()
    page.get_by_label("Address").fill(server_url)
    page.get_by_label("Name", exact=True).fill("Example")
    page.get_by_label("Prefix").fill("demo")
    page.get_by_role("button", name="Try and add").click()
    page.get_by_text("count_slowly").first.wait_for()
    return gateway_url


def create_token(page: Page) -> str:
    page.get_by_role("link", name="Tokens").click()
    page.get_by_label("Name", exact=True).fill("Laptop")
    page.get_by_role("button", name="Create token").click()
    return page.locator("#token").inner_text()


def revoke(page: Page) -> None:
    page.get_by_role("link", name="I have copied it").click()
    page.get_by_role("link", name="Revoke Laptop").click()
    page.get_by_role("button", name="Revoke this token").click()
    page.get_by_text("revoked").first.wait_for()


def run_apart(journey: Coroutine[None, None, None]) -> None:
    """In a thread of its own: this one runs the browser's event loop."""
    with ThreadPoolExecutor(1) as threads:
        threads.submit(asyncio.run, journey).result()


async def use_tools(url: str, token: str, mode: str) -> None:
    seen: list[tuple[float, float | None]] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, total))

    headers = {"Authorization": f"Bearer {token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=60) as http,
        Client(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        names = [tool.name for tool in (await client.list_tools()).tools]
        assert {"demo__echo", "demo__add", "demo__count_slowly"} <= set(names)
        assert text_of(await client.call_tool("demo__echo", {"text": f"hello {mode}"})) == f"hello {mode}"
        assert text_of(await client.call_tool("demo__add", {"a": 2, "b": 40})) == "42"
        counted = await client.call_tool("demo__count_slowly", {"to": 3, "pause": 0.05}, progress_callback=note)
        assert text_of(counted) == "Counted to 3."
        assert seen == [(1, 3), (2, 3), (3, 3)]
        failed = await client.call_tool("demo__read_note", {"name": "none"})
        assert failed.is_error


def text_of(result: object) -> str:
    return result.content[0].text  # type: ignore[attr-defined]  # the union of contents; a text is what is asserted
