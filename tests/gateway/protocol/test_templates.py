"""Which URIs a template stands for, in time that a hostile template cannot stretch."""

import time

import pytest

from gateway.protocol.templates import MAX_EXPRESSIONS, MAX_LENGTH, Template


@pytest.mark.parametrize(
    ("template", "uri", "fits"),
    [
        ("note://{name}", "note://shopping", True),
        ("note://{name}", "note://a/b", False),
        ("note://{name}", "note://", False),
        ("note://{name}", "other://x", False),
        ("file:///{+path}", "file:///a/b.txt", True),
        ("db://{table}/rows{?limit}", "db://users/rows?limit=5", True),
        ("db://{table}/rows{?limit}", "db://users/rows", True),
        ("db://{table}/rows", "db://users/columns", False),
        ("db://{schema}/{table}", "db://a/b", True),
        ("db://{schema}/{table}", "db://a", False),
        ("test://template/{id}/data", "test://template/123/data", True),
        ("a.b://{x}", "aXb://1", False),
        ("plain://x", "plain://x", True),
        ("plain://x", "plain://xy", False),
        ("{a}{b}", "xy", True),
        ("{a}{b}", "x", False),
        ("x{a}x", "x", False),
        ("x{/a}x", "xx", True),
    ],
)
def test_a_template_stands_for_these_uris(template: str, uri: str, fits: bool):
    parsed = Template.parse(template)
    assert parsed is not None
    assert parsed.fits(uri) is fits


def test_a_hostile_template_takes_no_longer():
    template = Template.parse("x://" + ("{a}" + "a" * 50) * (MAX_EXPRESSIONS - 1) + "{b}!")
    assert template is not None
    began = time.process_time()
    for _ in range(100):
        assert not template.fits("x://" + "a" * 50_000)
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("template", "stands"),
    [
        ("x://{a}" + "b" * (MAX_LENGTH - 7), True),
        ("x://{a}" + "b" * (MAX_LENGTH - 6), False),
        ("x://" + "{a}/" * MAX_EXPRESSIONS, True),
        ("x://" + "{a}/" * (MAX_EXPRESSIONS + 1), False),
    ],
)
def test_what_is_longer_than_anybody_needs_stands_for_nothing(template: str, stands: bool):
    assert (Template.parse(template) is not None) is stands
