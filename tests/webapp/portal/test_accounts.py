"""The pages of accounts."""

import pytest

from tests.cast import Cast
from tests.webapp.portal.browser import Browser, words


def test_the_list_shows_ones_own_accounts_with_plan_and_count(alice: Browser, charlie: Browser) -> None:
    said = words(alice.get("/accounts"))
    assert "Acme 1 workspace Free" in said
    assert "Acme" not in words(charlie.get("/accounts"))


def test_a_new_account_belongs_to_whoever_makes_it(bob: Browser, alice: Browser) -> None:
    page = bob.follow(bob.post("/accounts/new", name="Bob’s own"))
    assert "Bob’s own is ready." in words(page)
    assert "0 of 3 workspaces in use" in words(page)
    assert "Bob’s own" not in words(alice.get("/accounts"))


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "a\x00b", "\u202eevil"])
def test_a_name_that_does_not_fit_is_shown_again_with_a_sentence(alice: Browser, name: str) -> None:
    answer = alice.post("/accounts/new", name=name)
    assert answer.status_code == 422
    assert 'id="name-problem"' in answer.text


def test_only_those_who_administer_it_see_the_form_that_renames_it(cast: Cast, alice: Browser, bob: Browser) -> None:
    path = f"/accounts/{cast.acme.id}"
    assert "Save name" in words(alice.get(path))
    assert "Save name" not in words(bob.get(path))
    assert "The name is saved." in words(alice.follow(alice.post(path, name="Acme Two")))
    assert "Acme Two" in words(bob.get(path))


def test_a_name_is_shown_as_text_and_never_as_markup(alice: Browser) -> None:
    page = alice.follow(alice.post("/accounts/new", name="<script>alert(1)</script>"))
    assert "<script>alert" not in page.text
    assert "<script>alert(1)</script> is ready." in words(page)
