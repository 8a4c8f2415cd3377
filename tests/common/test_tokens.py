"""Tokens are minted whole, and anything else is refused without I/O."""

from hashlib import sha256

import pytest

from common import tokens


def test_a_minted_token_is_recognised_by_its_digest():
    minted = tokens.mint()
    assert tokens.digest_of(minted.plaintext) == minted.digest == sha256(minted.plaintext.encode()).digest()
    assert minted.display == minted.plaintext[:8]
    assert len(minted.plaintext) == tokens.LENGTH


def test_two_tokens_never_look_alike():
    assert len({tokens.mint().plaintext for _ in range(200)}) == 200


def test_the_representation_does_not_show_the_token():
    minted = tokens.mint()
    assert minted.plaintext not in repr(minted)


def test_every_single_mistyped_character_is_refused():
    plaintext = tokens.mint().plaintext
    for position in range(len(plaintext)):
        other = "0" if plaintext[position] != "0" else "1"
        assert tokens.digest_of(plaintext[:position] + other + plaintext[position + 1 :]) is None


@pytest.mark.parametrize(
    "text",
    ["", "mwt_", "mwt_" + "0" * 56, "ak_" + "0" * 57, "MWT_" + "0" * 56, "mwt_" + "é" * 56, "mwt_" + "٠" * 56],
)
def test_what_we_cannot_have_minted_is_refused(text: str):
    assert tokens.digest_of(text) is None


def test_capital_digits_and_trailing_space_are_refused():
    plaintext = tokens.mint().plaintext
    assert tokens.digest_of(plaintext.upper()) is None
    assert tokens.digest_of(plaintext + "\n") is None
    assert tokens.digest_of(" " + plaintext) is None
