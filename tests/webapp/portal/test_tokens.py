"""The pages of tokens."""

import re
from datetime import timedelta

import pytest

from common import clock, tokens
from common.models import Token
from tests.cast import Cast
from tests.real.valkey import RealValkey
from tests.webapp.portal.browser import Browser, words

MINTED = re.compile(r"mwt_[0-9a-f]{56}")


def create(browser: Browser, place: str, **form: str):
    return browser.post(f"{place}/tokens", **{"name": "Laptop", "environment": "prod", **form})


def test_a_new_token_is_shown_once_with_a_configuration_for_each_client(cast: Cast, alice: Browser, place: str) -> None:
    page = create(alice, place)
    plaintext = MINTED.findall(page.text)[0]
    assert tokens.digest_of(plaintext) is not None
    assert set(MINTED.findall(page.text)) == {plaintext}
    said = words(page)
    for client in ("Claude Code", "Claude Desktop", "Cursor", "VS Code", "Codex", "curl"):
        assert client in said
    assert "http://gateway.test/ws/dev-tools" in said
    assert page.headers["Cache-Control"] == "no-store"
    for later in (f"{place}/tokens", place, f"{place}/activity"):
        assert not MINTED.search(alice.get(later).text)


def test_a_token_has_the_environment_and_the_expiry_that_were_chosen(cast: Cast, alice: Browser, place: str) -> None:
    create(alice, place, environment="staging", expires_in="86400", name="A day")
    with cast.session() as session:
        token = session.query(Token).filter_by(name="A day").one()
        assert token.environment == "staging"
        assert token.expires_at is not None
        assert abs(token.expires_at - clock.now() - timedelta(days=1)) < timedelta(minutes=1)
        assert token.member_id == cast.alice.id


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 81),
        ("environment", "production"),
        ("environment", ""),
        ("expires_in", "0"),
        ("expires_in", "-1"),
        ("expires_in", "315360000"),
        ("expires_in", "abc"),
    ],
)
def test_a_form_that_does_not_fit_is_shown_again_and_mints_nothing(
    cast: Cast, alice: Browser, place: str, field: str, value: str
) -> None:
    answer = create(alice, place, **{field: value})
    assert answer.status_code == 422
    assert f'id="{field}-problem"' in answer.text
    assert not MINTED.search(answer.text)
    with cast.session() as session:
        assert session.query(Token).count() == 1


def test_a_bots_token_takes_an_admin(cast: Cast, alice: Browser, bob: Browser, place: str) -> None:
    assert create(bob, place, for_bot="y").status_code == 403
    assert create(alice, place, for_bot="y", name="CI").status_code == 200
    with cast.session() as session:
        assert session.query(Token).filter_by(name="CI").one().member_id is None


def test_the_list_tells_active_expired_and_revoked_apart(cast: Cast, alice: Browser, place: str) -> None:
    create(alice, place, name="Old")
    create(alice, place, name="Gone")
    with cast.session() as session:
        session.query(Token).filter_by(name="Old").one().expires_at = clock.now() - timedelta(minutes=1)
        session.query(Token).filter_by(name="Gone").one().revoked_at = clock.now()
    rows = alice.get(f"{place}/tokens").text.split("<tr")[2:]
    status = {name: row for row in rows for name in ("Old", "Gone", "Dana") if name in row}
    assert ">expired<" in status["Old"]
    assert ">revoked<" in status["Gone"]
    assert "Revoke Gone" not in status["Gone"]
    assert ">active<" in status["Dana"]


def test_a_member_sees_and_revokes_only_their_own(cast: Cast, bob: Browser, place: str) -> None:
    create(bob, place, name="Mine")
    said = words(bob.get(f"{place}/tokens"))
    assert "Mine" in said
    assert "Dana" not in said
    assert bob.get(f"{place}/tokens/{cast.dana.id}/revoke").status_code == 403


def test_revoking_asks_first_and_then_says_when_it_was_confirmed(cast: Cast, alice: Browser, place: str) -> None:
    path = f"{place}/tokens/{cast.dana.id}/revoke"
    assert "Revoke Dana?" in words(alice.get(path))
    said = words(alice.follow(alice.post(path)))
    assert re.search(r"Dana is revoked\. Confirmed at \d\d:\d\d:\d\d UTC", said)
    assert "No call or stream was open." in said
    assert "revoked the token Dana" in words(alice.get(f"{place}/activity"))


def test_without_redis_nothing_is_revoked_and_the_page_says_so(
    cast: Cast, alice: Browser, place: str, valkey: RealValkey
) -> None:
    token = alice.token()
    valkey.stop()
    try:
        answer = alice.client.post(f"{place}/tokens/{cast.dana.id}/revoke", data={"csrf_token": token})
    finally:
        valkey.start()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "what you meant to close is still open" in words(answer)
    assert "Revoke Dana?" in words(answer)
    with cast.session() as session:
        assert session.get_one(Token, cast.dana.id).revoked_at is None
