"""Slugs are ASCII, short, and never a reserved word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common import slugs


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Dev Tools", "dev-tools"),
        ("  My  Dev__Tools! ", "my-dev-tools"),
        ("Café Ångström", "cafe-angstrom"),
        ("x" * 80, "x" * 32),
        ("a" * 31 + " b", "a" * 31),
        ("日本語", ""),
        ("🚀🚀", ""),
        ("№ 5", "no-5"),
    ],
)
def test_a_name_suggests_its_slug(name: str, slug: str):
    assert slugs.slug_from(name) == slug


@given(st.text(max_size=120))
def test_whatever_the_name_the_slug_is_valid_or_empty(name: str):
    slug = slugs.slug_from(name)
    assert slug == "" or slugs.is_valid(slug)


@given(st.text(alphabet="abcdefgh-", min_size=1, max_size=60))
def test_a_suffix_keeps_a_slug_valid(name: str):
    slug = slugs.slug_from(name)
    if slug:
        assert slugs.is_valid(slugs.with_suffix(slug, "k3f9"))


@pytest.mark.parametrize("slug", ["", "-a", "a-", "a--b", "A", "a_b", "a" * 33, "é", "a b", "a/b"])
def test_other_spellings_are_not_slugs(slug: str):
    assert not slugs.is_valid(slug)


def test_reserved_words_are_reserved():
    assert slugs.is_reserved("admin")
    assert not slugs.is_reserved("dev-tools")
