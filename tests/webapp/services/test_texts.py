"""What people type is trimmed, and refused when it does not fit or cannot be shown."""

import pytest

from common.errors import Invalid
from webapp.services import texts


def test_the_ends_of_a_name_are_trimmed_and_its_letters_composed():
    assert texts.read_name("  Cafe\u0301 ") == "Café"


@pytest.mark.parametrize("name", ["👩‍👩‍👧", "日本語", "O'Neil & <b>Söhne</b>", "مرحبا"])
def test_any_script_and_any_sign_is_a_name(name: str):
    assert texts.read_name(name) == name


@pytest.mark.parametrize("name", ["a\0b", "a\nb", "a\x1b[31m", "\ud800", "ab\u202edc"])
def test_what_cannot_be_shown_is_refused(name: str):
    with pytest.raises(Invalid):
        texts.read_name(name)


def test_a_paragraph_has_lines_and_may_be_empty():
    assert texts.read_paragraph(" one\r\ntwo\t3 ", "description", maximum=20) == "one\ntwo\t3"
    assert texts.read_paragraph("", "description", maximum=20) == ""
    for text in ("x" * 21, "a\0b"):
        with pytest.raises(Invalid):
            texts.read_paragraph(text, "description", maximum=20)


def test_what_a_program_says_can_be_stored_whatever_it_is():
    assert texts.storable("a\0b \ud800 é") == "ab ? é"
