"""Signing up, in and out, and one's own settings."""

import pytest
from flask import Flask

from common.models import User
from tests.cast import PASSWORD, Cast
from tests.webapp.portal.browser import Browser, words
from webapp.portal import throttle

NEW = {"name": "Erin", "email": "erin@example.com", "password": "a good long password"}


def test_signing_up_makes_an_account_and_signs_in(visitor: Browser) -> None:
    answer = visitor.post("/sign-up", **NEW)
    assert visitor.follow(answer).status_code == 303
    assert "No workspace yet" in words(visitor.get("/workspaces"))
    assert "Erin" in words(visitor.get("/accounts"))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"email": "nobody"}, "not an e-mail address"),
        ({"email": "erin@example.com\r\nBcc: x@example.com"}, "not an e-mail address"),
        ({"name": ""}, "Type your name"),
        ({"name": "x" * 81}, "must have 1 to 80 characters"),
        ({"password": "short"}, "must have 10 to 200 characters"),
        ({"password": "x" * 201}, "must have 10 to 200 characters"),
    ],
)
def test_a_form_that_does_not_fit_is_shown_again_with_what_was_typed_but_no_password(
    visitor: Browser, wrong: dict[str, str], sentence: str
) -> None:
    answer = visitor.post("/sign-up", **{**NEW, **wrong})
    assert answer.status_code == 422
    assert sentence in words(answer)
    assert 'aria-invalid="true"' in answer.text
    assert {**NEW, **wrong}["password"] not in answer.text.replace('type="password"', "")
    assert visitor.get("/settings").status_code == 303


def test_an_address_that_is_taken_is_refused(visitor: Browser, cast: Cast) -> None:
    answer = visitor.post("/sign-up", **{**NEW, "email": cast.alice.email})
    assert answer.status_code == 409
    assert "Somebody has signed up" in words(answer)


def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(visitor: Browser, cast: Cast) -> None:
    wrong = visitor.post("/sign-in", email=cast.alice.email, password="not it at all")
    unknown = visitor.post("/sign-in", email="nobody@example.com", password="not it at all")
    assert (wrong.status_code, unknown.status_code) == (403, 403)
    assert words(wrong) == words(unknown)
    assert visitor.get("/settings").status_code == 303


def test_signing_in_leads_back_to_the_page_that_was_asked_for(app: Flask, cast: Cast, place: str) -> None:
    browser = Browser(app)
    asked = browser.get(f"{place}/tokens?a=b")
    page = browser.follow(asked)
    assert f'value="{place}/tokens?a=b"' in page.text
    answer = browser.post("/sign-in", email=cast.alice.email, password=PASSWORD, next=f"{place}/tokens?a=b")
    assert answer.headers["Location"] == f"{place}/tokens?a=b"


@pytest.mark.parametrize(
    "elsewhere",
    ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:alert(1)", "/\t/evil.example", ""],
)
def test_signing_in_never_leads_elsewhere(app: Flask, cast: Cast, elsewhere: str) -> None:
    answer = Browser(app).post("/sign-in", email=cast.alice.email, password=PASSWORD, next=elsewhere)
    assert answer.headers["Location"] == "/"


def test_a_session_planted_before_signing_in_is_not_kept(app: Flask, cast: Cast) -> None:
    browser = Browser(app)
    browser.token()
    with browser.client.session_transaction() as session:
        session["planted"] = "yes"
        token = session["csrf_token"]
    browser.sign_in(cast.alice)
    with browser.client.session_transaction() as session:
        assert "planted" not in session
        assert session.get("csrf_token") != token


def test_all_that_is_missing_is_told_at_once(visitor: Browser) -> None:
    answer = visitor.post("/sign-up", name="", email=" ", password="")
    assert answer.status_code == 422
    for field in ("name", "email", "password"):
        assert f'id="{field}-problem"' in answer.text


def test_signing_out_ends_the_session(alice: Browser) -> None:
    assert alice.post("/sign-out").status_code == 303
    assert alice.get("/settings").status_code == 303
    assert alice.client.get("/sign-out").status_code == 405


def test_whoever_is_signed_in_does_not_see_the_gate(alice: Browser) -> None:
    for path in ("/sign-in", "/sign-up", "/"):
        assert alice.get(path).status_code == 303


def test_ten_tries_on_an_address_are_enough_and_the_eleventh_is_told_when_to_come_back(app: Flask, cast: Cast) -> None:
    for _ in range(throttle.PER_EMAIL):
        assert Browser(app).post("/sign-in", email=cast.alice.email, password="wrong").status_code == 403
    refused = Browser(app).post("/sign-in", email=cast.alice.email.upper(), password=PASSWORD)
    assert refused.status_code == 429
    assert 0 < int(refused.headers["Retry-After"]) <= throttle.WINDOW_SECONDS
    assert "Too many attempts" in words(refused)
    assert Browser(app).post("/sign-in", email=cast.bob.email, password=PASSWORD).status_code == 303


def test_signing_in_clears_the_count_of_the_address(app: Flask, cast: Cast) -> None:
    for _ in range(2):
        for _ in range(throttle.PER_EMAIL - 1):
            Browser(app).post("/sign-in", email=cast.alice.email, password="wrong")
        assert Browser(app).post("/sign-in", email=cast.alice.email, password=PASSWORD).status_code == 303


def test_the_name_can_be_changed(alice: Browser) -> None:
    answer = alice.post("/settings", name="Alice Archer")
    assert "Your name is saved." in words(alice.follow(answer))
    assert "Alice Archer" in words(alice.get("/workspaces"))
    assert alice.post("/settings", name=" ").status_code == 422


def test_a_new_password_signs_out_every_other_browser_but_not_this_one(app: Flask, cast: Cast, alice: Browser) -> None:
    other = Browser(app).sign_in(cast.alice)
    answer = alice.post("/settings/password", current=PASSWORD, new="an even better password")
    assert "Every other browser has been signed out" in words(alice.follow(answer))
    assert alice.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 303
    browser = Browser(app)
    assert browser.post("/sign-in", email=cast.alice.email, password=PASSWORD).status_code == 403
    assert browser.post("/sign-in", email=cast.alice.email, password="an even better password").status_code == 303


@pytest.mark.parametrize(
    ("current", "new", "sentence"),
    [("wrong", "an even better password", "not your current password"), (PASSWORD, "short", "must have 10 to 200")],
)
def test_a_password_change_that_does_not_fit_changes_nothing(
    cast: Cast, alice: Browser, current: str, new: str, sentence: str
) -> None:
    answer = alice.post("/settings/password", current=current, new=new)
    assert answer.status_code == 422
    assert sentence in words(answer)
    with cast.session() as session:
        assert session.get_one(User, cast.alice.id).password_hash == cast.alice.password_hash


def test_settings_take_nothing_but_get_and_post(alice: Browser) -> None:
    for path in ("/settings", "/settings/password", "/sign-in", "/sign-up"):
        assert alice.client.delete(path, headers={"X-CSRFToken": alice.token()}).status_code == 405
