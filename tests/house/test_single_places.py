"""The dangerous things are done in one place each."""

from ast import Module
from collections.abc import Callable, Iterator

from tests.house.rules import calls_of, inner_imports, reads_clock, reads_environment
from tests.house.source import PRODUCT, python, text, tree

Rule = Callable[[Module], Iterator[int]]


def places(rule: Rule, *tops: str) -> list[str]:
    return [f"{path}:{line}" for path in python(*tops) for line in rule(tree(path))]


def files(rule: Rule, *tops: str) -> set[str]:
    return {place.partition(":")[0] for place in places(rule, *tops)}


def test_one_place_commits() -> None:
    assert len(places(lambda module: calls_of(module, "commit"), *PRODUCT)) == 1


def test_one_place_reads_the_environment_of_the_process() -> None:
    assert files(reads_environment, *PRODUCT) == {"common/settings.py"}


def test_dev_py_reads_the_environment_and_hands_it_on() -> None:
    assert files(reads_environment, "local", "dev.py") == {"dev.py"}


def test_one_place_asks_the_time() -> None:
    assert files(reads_clock, *PRODUCT) <= {"common/clock.py"}


def test_one_place_spells_the_keys_of_redis() -> None:
    assert {path for path in python(*PRODUCT) if '"s1:' in text(path)} <= {"common/redis_keys.py"}


def test_no_import_stands_inside_a_function() -> None:
    assert places(inner_imports) == []
