"""The page of activity, and its sentences."""

import pytest

from common.models import Activity
from tests.cast import Cast
from tests.webapp.portal.browser import Browser, words
from webapp.portal.activity import sentence_of


def test_the_page_tells_the_newest_first(cast: Cast, alice: Browser, place: str) -> None:
    alice.post(f"{place}/tokens", name="Laptop", environment="prod")
    said = words(alice.get(f"{place}/activity"))
    assert said.index("created the token Laptop") < said.index("created this workspace")


@pytest.mark.parametrize("limit", ["0", "-1", "x", "99999999999"])
def test_a_limit_that_makes_no_sense_shows_the_page_all_the_same(alice: Browser, place: str, limit: str) -> None:
    assert alice.get(f"{place}/activity?limit={limit}").status_code == 200


def test_a_long_history_offers_what_is_older(cast: Cast, alice: Browser, place: str) -> None:
    for number in range(55):
        alice.post(f"{place}/tokens", name=f"Token {number}", environment="dev")
    page = alice.get(f"{place}/activity")
    assert "Show older" in words(page)
    assert "created this workspace" not in words(page)
    assert "created this workspace" in words(alice.get(f"{place}/activity?limit=100"))


def test_a_deed_that_nobody_wrote_a_sentence_for_is_told_by_its_name() -> None:
    assert sentence_of(Activity(actor="operator", action="account.melt", target="Acme")) == "operator account.melt Acme"
