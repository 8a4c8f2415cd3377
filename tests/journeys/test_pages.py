"""The pages in a real browser: light, dark and on a phone, by keyboard, and without script."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.cast import PASSWORD, Cast, make_settings, variables_of
from tests.journeys.browsers import chromium
from tests.real.portal import RealPortal
from tests.waiting import until
from upstream.fake import FakeUpstream

pytestmark = pytest.mark.browser

LONG = "x" * 80
PHONE, DESK = 390, 1280

# What a person on a phone, without a mouse or without eyes would trip over.
FAULTS = """() => {
  const found = [];
  const wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  if (wide > 0) found.push(`${wide} px too wide`);
  if (document.querySelectorAll("h1").length > 1) found.push("more than one h1");
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  found.push(...ids.filter((id, at) => ids.indexOf(id) !== at).map((id) => `id ${id} twice`));
  for (const field of document.querySelectorAll("input:not([type=hidden]):not([hidden]), select, textarea"))
    if (!field.labels.length && !field.ariaLabel && !field.hidden) found.push(`${field.name} has no label`);
  for (const control of document.querySelectorAll("a, button, summary"))
    if (!control.textContent.trim() && !control.ariaLabel) found.push(`nameless ${control.outerHTML.slice(0, 80)}`);
  for (const named of document.querySelectorAll("[aria-labelledby], [aria-describedby], [aria-controls]"))
    for (const name of ["aria-labelledby", "aria-describedby", "aria-controls"])
      for (const id of (named.getAttribute(name) || "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) found.push(`${name} names ${id}, which is not there`);
  return found;
}"""


@pytest.fixture
def portal(cast: Cast, redis_url: str, tmp_path: Path) -> Iterator[RealPortal]:
    portal = RealPortal(tmp_path, variables_of(make_settings(cast.resources.settings.database_url, redis_url)))
    portal.also({"STOA_PORTAL_URL": portal.url})
    portal.start()
    yield portal
    portal.stop()


class Visit:
    """One person in one browser, and all that the browser complained of."""

    def __init__(self, page: Page, origin: str) -> None:
        self.page, self.origin = page, origin
        self.complaints: list[str] = []
        page.on("console", lambda said: self._note(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self._note(str(error)))
        page.on("request", lambda sent: None if self._is_ours(sent.url) else self._note(f"asked for {sent.url}"))

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)
        self.look()

    def look(self) -> None:
        """At the page as it stands, on a desk in daylight and on a phone in the dark."""
        self.page.emulate_media(color_scheme="dark")
        self._look_from(PHONE)
        self.page.emulate_media(color_scheme="light")
        self._look_from(DESK)

    def _look_from(self, width: int) -> None:
        self.page.set_viewport_size({"width": width, "height": 900})
        self.complaints += [f"{self.page.url} at {width} px: {fault}" for fault in self.page.evaluate(FAULTS)]

    def press(self, name: str) -> None:
        self.page.get_by_role("main").get_by_role("button", name=name, exact=True).first.click()

    def sign_in(self, email: str) -> None:
        self.page.goto(f"{self.origin}/sign-in")
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password").fill(PASSWORD)
        self.press("Sign in")
        self.page.wait_for_url("**/workspaces")

    def _is_ours(self, url: str) -> bool:
        return url.startswith((self.origin, "data:"))

    def _note(self, complaint: str) -> None:
        # The browser calls every refused form an error; what the page says of it is looked at elsewhere.
        if "the server responded with a status of" not in complaint:
            self.complaints.append(complaint)


@contextmanager
def visit(browser: Browser, portal: RealPortal, *, script: bool = True) -> Iterator[Visit]:
    context = browser.new_context(java_script_enabled=script)
    try:
        yield Visit(context.new_page(), portal.url)
    finally:
        context.close()


def crowd(cast: Cast, upstream: FakeUpstream, visit: Visit) -> str:
    """Long names, and one of everything, in the workspace; its path."""
    place = f"/workspaces/{cast.workspace.id}"
    page = visit.page
    with cast.session() as session:
        session.merge(cast.workspace).name = LONG
    visit.go(f"{place}/servers/new")
    page.get_by_label("Address").fill(upstream.url)
    page.get_by_label("Name", exact=True).fill(LONG)
    page.get_by_label("One session per token").check()
    visit.press("Try and add")
    page.get_by_text("is added.").wait_for()
    visit.go(f"{place}/tokens")
    page.get_by_label("Name", exact=True).fill(LONG)
    visit.press("Create token")
    page.locator("#token").wait_for()
    visit.look()
    return place


def test_every_page_is_sound_in_light_in_dark_and_on_a_phone(cast: Cast, portal: RealPortal) -> None:
    with chromium() as browser, FakeUpstream() as upstream, visit(browser, portal) as alice:
        for path in ("/", "/sign-up", "/sign-in"):
            alice.go(path)
        alice.sign_in(cast.alice.email)
        place = crowd(cast, upstream, alice)
        for path in ("", "/servers", "/servers/new", "/tokens", "/activity", "/settings", "/delete"):
            alice.go(place + path)
        for path, link in (("/servers", "Remove …"), ("/tokens", "Revoke")):
            alice.go(place + path)
            alice.page.get_by_role("link", name=link).first.click()
            alice.page.get_by_role("link", name="Keep it").wait_for()
            alice.look()
        for path in ("/workspaces", "/workspaces/new", "/accounts", "/accounts/new", "/settings", "/nowhere"):
            alice.go(path)
        alice.go(f"/accounts/{cast.acme.id}")
        assert alice.complaints == []


def test_script_copies_remembers_searches_and_leads_to_the_fault(cast: Cast, portal: RealPortal) -> None:
    with chromium() as browser, visit(browser, portal) as alice:
        page = alice.page
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        alice.sign_in(cast.alice.email)
        alice.go(f"/workspaces/{cast.workspace.id}")
        page.get_by_role("button", name="Copy the gateway address").press("Enter")
        page.get_by_text("Copied.").wait_for()
        assert page.evaluate("navigator.clipboard.readText()") == page.locator("#gateway-url").inner_text()

        alice.go("/workspaces")
        page.get_by_label("Workspace: Dev Tools. Choose another").press("Enter")
        page.get_by_role("banner").get_by_role("link", name="Dev Tools").wait_for()
        page.keyboard.press("Escape")
        page.get_by_label("Search", exact=True).fill("nothing is called so")
        page.get_by_text("Nothing matches").wait_for()
        assert "q=nothing" in page.url

        page.get_by_role("button", name="Switch between light and dark").click()
        alice.go(f"/workspaces/{cast.workspace.id}/tokens")
        assert page.locator("html").get_attribute("data-theme") == "dark"
        alice.press("Create token")
        assert "Give the token a name" in page.locator("#name-problem").inner_text()
        until(lambda: page.evaluate("document.activeElement.id") == "name")
        alice.look()
        assert alice.complaints == []


def test_who_shares_a_servers_session_is_chosen_by_keyboard_and_kept_when_the_form_is_refused(
    cast: Cast, portal: RealPortal
) -> None:
    with chromium() as browser, FakeUpstream("legacy") as upstream, visit(browser, portal) as alice:
        page = alice.page
        alice.sign_in(cast.alice.email)
        alice.go(f"/workspaces/{cast.workspace.id}/servers/new")
        shared, client = page.get_by_label("One session for everybody"), page.get_by_label("One session per client")
        assert shared.is_checked()
        page.get_by_label("Name", exact=True).fill("Browser")
        shared.focus()
        page.keyboard.press("ArrowDown")
        page.keyboard.press("ArrowDown")
        assert client.is_checked()
        alice.press("Try and add")
        page.locator("#url-problem").wait_for()
        alice.look()
        assert client.is_checked()
        page.get_by_label("Address").fill(upstream.url)
        alice.press("Try and add")
        page.get_by_text("session per client").wait_for()
        alice.look()
        assert alice.complaints == []


def test_without_script_a_token_is_made_shown_and_revoked(cast: Cast, portal: RealPortal) -> None:
    with chromium() as browser, visit(browser, portal, script=False) as alice:
        page = alice.page
        alice.sign_in(cast.alice.email)
        page.goto(f"{portal.url}/workspaces/{cast.workspace.id}/tokens")
        page.get_by_label("Name", exact=True).fill("Plain")
        alice.press("Create token")
        assert page.locator("#token").inner_text().startswith("mwt_")
        assert page.get_by_role("heading", name="Claude Desktop").is_visible()
        assert page.get_by_role("button", name="Copy the token").count() == 0
        page.get_by_role("link", name="I have copied it").click()
        page.get_by_role("link", name="Revoke Plain").click()
        alice.press("Revoke this token")
        assert "Plain is revoked. Confirmed at" in page.get_by_role("main").inner_text()
        page.get_by_role("banner").get_by_label("Workspace: Dev Tools").click()
        assert page.get_by_role("link", name="All workspaces").is_visible()
        assert alice.complaints == []
