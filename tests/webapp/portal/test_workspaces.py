"""The pages of workspaces."""

import re
import uuid

import pytest

from common import clock
from common.models import Server, ServerAuth, Workspace, WorkspaceStatus
from tests.cast import Cast
from tests.webapp.portal.browser import Browser, words


def create(browser: Browser, cast: Cast, name: str, **form: str):
    return browser.post("/workspaces/new", **{"name": name, "account": str(cast.acme.id), "region": "local", **form})


def count(cast: Cast) -> int:
    with cast.session() as session:
        return session.query(Workspace).count()


def test_an_empty_list_says_what_to_do_next(charlie: Browser) -> None:
    assert "Create your first workspace" in words(charlie.get("/workspaces"))


def test_the_list_shows_what_one_may_read_with_the_gateway_address(alice: Browser, charlie: Browser) -> None:
    said = words(alice.get("/workspaces"))
    for part in ("Dev Tools", "dev-tools", "Acme", "active", "http://gateway.test/ws/dev-tools"):
        assert part in said
    assert "Dev Tools" not in words(charlie.get("/workspaces"))


def test_the_list_can_be_searched_filtered_and_sorted(cast: Cast, alice: Browser) -> None:
    create(alice, cast, "Billing")
    create(alice, cast, "Zebra")

    def names(query: str) -> list[str]:
        text = alice.get(f"/workspaces{query}").text
        return re.findall(r'<a href="/workspaces/[0-9a-f-]{36}">([^<]+)</a>', text)

    assert names("") == ["Billing", "Dev Tools", "Zebra"]
    assert names("?sort=-name") == ["Zebra", "Dev Tools", "Billing"]
    assert names("?sort=created") == ["Dev Tools", "Billing", "Zebra"]
    assert names("?q=ZEB") == ["Zebra"]
    assert names("?q=dev-") == ["Dev Tools"]
    assert names("?status=frozen") == []
    assert names(f"?account={cast.acme.id}&sort=status&page=1") == ["Dev Tools", "Billing", "Zebra"]
    assert "Nothing matches" in words(alice.get("/workspaces?q=nowhere"))


@pytest.mark.parametrize(
    "query",
    [
        "sort=password",
        "sort=",
        "status=x",
        "account=x",
        "page=0",
        "page=-1",
        "page=x",
        "page=99999999999999999999",
        "endpoint=x",
    ],
)
def test_an_address_that_makes_no_sense_shows_the_list_all_the_same(alice: Browser, query: str) -> None:
    assert alice.get(f"/workspaces?{query}").status_code == 200


def test_what_steers_a_link_is_not_taken_from_the_address(alice: Browser) -> None:
    page = alice.get("/workspaces?_external=1&_scheme=javascript&_anchor=x&_method=POST&q=d")
    assert page.status_code == 200
    links = re.findall(r'href="([^"]*sort=[^"]*)"', page.text)
    assert links
    assert all(link.startswith("/workspaces?q=d&amp;") and "#" not in link for link in links)


def test_a_new_workspace_is_shown_with_its_address(cast: Cast, alice: Browser) -> None:
    page = alice.follow(create(alice, cast, "Café Ångström", description="For the kitchen"))
    said = words(page)
    assert "Café Ångström is ready." in said
    assert "For the kitchen" in said
    assert "http://gateway.test/ws/cafe-angstrom" in said
    assert "What to do next" in said
    assert said.count("ready") >= 3


@pytest.mark.parametrize("name", ["", "x", "x" * 81, "\u200b", "a\x07b", "a\u202eb"])
def test_a_name_that_does_not_fit_changes_nothing(cast: Cast, alice: Browser, name: str) -> None:
    answer = create(alice, cast, name)
    assert answer.status_code == 422
    assert 'id="name-problem"' in answer.text
    assert count(cast) == 1


@pytest.mark.parametrize(
    ("name", "slug"), [("🦊🦊", r"workspace-\w+"), ("Dev Tools", r"dev-tools-\w+"), ("Admin", r"admin-\w+")]
)
def test_emoji_taken_and_reserved_names_get_a_slug_of_their_own(
    cast: Cast, alice: Browser, name: str, slug: str
) -> None:
    said = words(alice.follow(create(alice, cast, name)))
    assert re.search(rf"http://gateway\.test/ws/{slug}", said)


def test_a_foreign_account_or_region_cannot_be_chosen(cast: Cast, bob: Browser, charlie: Browser) -> None:
    for browser in (bob, charlie):
        assert create(browser, cast, "Mine now").status_code == 422
    assert create(charlie, cast, "x", account="nonsense").status_code == 422
    assert count(cast) == 1


def test_at_the_limit_the_page_shows_an_upgrade_prompt_with_the_figures(cast: Cast, alice: Browser) -> None:
    create(alice, cast, "Two")
    create(alice, cast, "Three")
    answer = create(alice, cast, "Four")
    assert answer.status_code == 403
    said = words(answer)
    assert "Your plan’s limit is reached" in said
    assert "3 of 3 workspaces" in said
    assert "3 of 3 workspaces" in words(alice.get("/workspaces/new"))
    assert count(cast) == 3


def test_the_overview_of_a_reader_offers_nothing_that_the_door_would_refuse(
    alice: Browser, bob: Browser, place: str
) -> None:
    for part in ("Add server", "Delete workspace"):
        assert part in words(alice.get(place))
        assert part not in words(bob.get(place))


def test_activity_is_told_in_sentences(alice: Browser, place: str) -> None:
    assert "alice@example.test created this workspace" in words(alice.get(place))


@pytest.mark.parametrize("field", ["rate_limit", "execution_timeout"])
@pytest.mark.parametrize("value", ["", "0", "-1", "301", "1e2", "²", "9" * 5000, "1_0"])
def test_settings_that_do_not_fit_are_shown_again(
    cast: Cast, alice: Browser, place: str, field: str, value: str
) -> None:
    form = {"name": "Dev Tools", "rate_limit": "60", "execution_timeout": "30", field: value}
    answer = alice.post(f"{place}/settings", **form)
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    with cast.session() as session:
        assert session.get_one(Workspace, cast.workspace.id).rate_limit == 120


def test_settings_are_saved_and_the_slug_stays(alice: Browser, place: str) -> None:
    form = {"name": "Renamed", "description": "New", "rate_limit": "60", "execution_timeout": "30"}
    said = words(alice.follow(alice.post(f"{place}/settings", **form)))
    assert "The settings are saved." in said
    assert "changed the settings: description, execution timeout, name, rate limit" in words(alice.get(place))
    assert "dev-tools" in said


def test_deleting_takes_the_slug_and_leaves_a_receipt(cast: Cast, alice: Browser, place: str) -> None:
    assert "1 active token" in words(alice.get(f"{place}/delete"))
    wrong = alice.post(f"{place}/delete", typed_slug="Dev Tools")
    assert wrong.status_code == 422
    assert count(cast) == 1
    said = words(alice.follow(alice.post(f"{place}/delete", typed_slug="dev-tools")))
    assert "Dev Tools is deleted. Confirmed at" in said
    assert alice.get(place).status_code == 404
    assert count(cast) == 0


def test_a_frozen_workspace_offers_what_closes_and_nothing_else(cast: Cast, alice: Browser, place: str) -> None:
    with cast.session() as session:
        session.merge(cast.workspace).status = WorkspaceStatus.FROZEN
    said = words(alice.get(place))
    assert "This workspace is frozen" in said
    assert "Add server" not in said
    assert "Create token" not in words(alice.get(f"{place}/tokens"))
    assert "Revoke" in words(alice.get(f"{place}/tokens"))
    assert "Save settings" not in words(alice.get(f"{place}/settings"))
    assert "Try and add" not in words(alice.get(f"{place}/servers/new"))


def test_what_to_do_next_is_done_with_the_first_call(cast: Cast, alice: Browser, place: str) -> None:
    assert "What to do next" in words(alice.get(place))
    with cast.session() as session:
        session.merge(cast.dana).last_used_at = clock.now()
        session.add(
            Server(
                id=uuid.uuid4(),
                workspace_id=cast.workspace.id,
                name="Kept",
                prefix="kept",
                url="https://tools.example/mcp",
                auth=ServerAuth.NONE,
                era="modern",
                server_name="Fake",
                server_version="1",
                tools=[],
                probed_at=clock.now(),
                created_at=clock.now(),
            )
        )
    assert "What to do next" not in words(alice.get(place))
