"""Names say what a thing is: the words that say nothing are banned from files and classes."""

from tests.house.rules import banned_words
from tests.house.source import paths, tree


def test_no_file_and_no_class_has_a_name_that_says_nothing() -> None:
    faults = {
        path: words
        for path in paths()
        if (words := list(banned_words(path, tree(path) if path.endswith(".py") else None)))
    }
    assert faults == {}
