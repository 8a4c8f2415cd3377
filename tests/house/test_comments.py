"""Modules say what they are, and exceptions to a rule say why."""

from tests.house.rules import title_fault, unexplained
from tests.house.source import PRODUCT, python, text, tree


def test_every_module_says_what_it_is_in_one_short_line() -> None:
    ours = python(*PRODUCT, "bench", "soaks", "examples", "local", "tools")
    faults = {path: title_fault(tree(path)) for path in ours}
    assert {path: fault for path, fault in faults.items() if fault} == {}


def test_whatever_silences_a_check_or_catches_everything_says_why() -> None:
    faults = {path: lines for path in python() if (lines := list(unexplained(text(path))))}
    assert faults == {}
