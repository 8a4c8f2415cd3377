"""The rules themselves: each sees what breaks it and lets pass what does not."""

import ast

import pytest

from tests.house import rules


def test_a_function_of_61_lines_is_too_long() -> None:
    def of(lines: int) -> ast.Module:
        return ast.parse("def walk():\n" + "    pass\n" * (lines - 1))

    assert list(rules.long_functions(of(60))) == []
    assert list(rules.long_functions(of(61))) == [("walk", 61)]


def test_an_import_inside_a_function_is_seen() -> None:
    assert list(rules.inner_imports(ast.parse("import os\ndef f():\n    import re\n"))) == [3]


@pytest.mark.parametrize("path", ["common/utils.py", "webapp/token_helper.py", "misc/a.py", "a/data.txt"])
def test_a_path_that_says_nothing_is_seen(path: str) -> None:
    assert list(rules.banned_words(path, None))


@pytest.mark.parametrize("path", ["common/database.py", "gateway/handle.py", "webapp/metadata.py"])
def test_a_path_that_only_sounds_alike_passes(path: str) -> None:
    assert list(rules.banned_words(path, None)) == []


@pytest.mark.parametrize(("name", "banned"), [("TokenManager", 1), ("HTTPHandler", 1), ("Database", 0), ("Answer", 0)])
def test_a_class_that_says_nothing_is_seen(name: str, banned: int) -> None:
    assert len(list(rules.banned_words("a.py", ast.parse(f"class {name}: pass")))) == banned


@pytest.mark.parametrize("line", ["import os; os.environ['A']", "import os; os.getenv('A')", "from os import environ"])
def test_whoever_reaches_for_the_environment_is_seen(line: str) -> None:
    assert list(rules.reads_environment(ast.parse(line))) == [1]


@pytest.mark.parametrize(
    "line", ["time.time()", "datetime.now()", "datetime.datetime.utcnow()", "field(default=time.time)"]
)
def test_whoever_asks_the_time_is_seen(line: str) -> None:
    assert list(rules.reads_clock(ast.parse(line))) == [1]


def test_a_title_of_73_characters_is_too_long() -> None:
    assert rules.title_fault(ast.parse(f'"""{"x" * 72}"""')) is None
    assert rules.title_fault(ast.parse(f'"""{"x" * 73}"""'))
    assert rules.title_fault(ast.parse("x = 1")) == "has no docstring"
    assert rules.title_fault(ast.parse("")) is None


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("x = 1  # noqa: S101", 1),
        ("x = 1  # noqa: S101 — the reason is given here", 0),
        ("x = 1  # type: ignore[attr-defined]", 1),
        ("x = 1  # type: ignore[attr-defined]  # the stubs are older than the library", 0),
        ("try:\n    f()\nexcept Exception:\n    pass", 1),
        ("try:\n    f()\nexcept Exception:  # a job may raise anything\n    pass", 0),
    ],
)
def test_an_exception_to_a_rule_needs_a_reason(text: str, faults: int) -> None:
    assert len(list(rules.unexplained(text))) == faults
