"""Which URIs a template stands for, in time that a hostile template cannot stretch."""

import time

import pytest

from gateway.protocol.templates import Template


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
    assert Template.parse(template).fits(uri) is fits


def test_a_hostile_template_takes_no_longer():
    template = Template.parse("x://" + "{a}a" * 500 + "{b}!")
    began = time.process_time()
    assert not template.fits("x://" + "a" * 50_000)
    assert time.process_time() - began < 0.5
