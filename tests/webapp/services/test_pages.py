"""A page knows how many there are."""

from webapp.services.pages import Page


def test_an_empty_list_has_one_page():
    assert Page([], 0, 1, 25).pages == 1


def test_the_last_page_may_be_short():
    assert [Page([], total, 1, 25).pages for total in (1, 25, 26, 50, 51)] == [1, 1, 2, 2, 3]
