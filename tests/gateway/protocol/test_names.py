"""Names are short, safe, stable, and never collide by being cut."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.protocol.names import MAX_LENGTH, render_name

SAFE = re.compile(r"[A-Za-z0-9_-]{1,40}")


@pytest.mark.parametrize(
    ("prefix", "name", "expected"),
    [
        ("github", "create_issue", "github__create_issue"),
        ("", "test_input_required_result_multiple_inputs", "test_input_required_result_multiple_inputs"),
        ("", "dotted.name", "dotted.name"),
    ],
)
def test_a_plain_name_is_prefixed_and_nothing_else(prefix: str, name: str, expected: str):
    assert render_name(prefix, name) == expected


@given(st.from_regex(r"[a-z0-9-]{1,16}", fullmatch=True), st.text(min_size=1, max_size=200))
def test_with_a_prefix_every_name_is_short_and_safe(prefix: str, name: str):
    assert SAFE.fullmatch(render_name(prefix, name))


def test_names_that_are_alike_once_cut_stay_apart():
    long = "x" * 100
    assert render_name("p", long + "a") != render_name("p", long + "b")
    assert len(render_name("p", long + "a")) == MAX_LENGTH


def test_names_that_are_alike_once_cleaned_stay_apart():
    assert len({render_name("p", name) for name in ("a.b", "a/b", "a b", "a_b")}) == 4


def test_the_same_name_is_always_cut_alike():
    assert render_name("github", "y" * 60) == render_name("github", "y" * 60)
