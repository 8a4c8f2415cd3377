"""Files have at most 300 lines, functions at most 60; what is longer is listed and only shrinks."""

from tests.house.rules import long_functions
from tests.house.source import ROOT, paths, python, text, tree

LONGEST_FILE = 300
MEASURED = (".py", ".lua", ".c", ".js", ".css", ".html", ".sh")

# A migration is written once, mostly by a tool, and read from top to bottom.
UNMEASURED = ("migrations/versions/",)


def allowed() -> dict[str, int]:
    lines = (ROOT / "tests/house/too_long.txt").read_text().splitlines()
    entries = (line.rpartition(" ") for line in lines if line and not line.startswith("#"))
    return {name: int(length) for name, _, length in entries}


def found() -> dict[str, int]:
    names = [path for path in paths() if path.endswith(MEASURED) and not path.startswith(UNMEASURED)]
    lengths = {name: text(name).count("\n") for name in names}
    long = {name: length for name, length in lengths.items() if length > LONGEST_FILE}
    for path in python():
        long |= {f"{path}::{name}": length for name, length in long_functions(tree(path))}
    return long


def test_nothing_is_longer_than_it_may_be() -> None:
    assert {name: length for name, length in found().items() if length > allowed().get(name, 0)} == {}


def test_the_list_of_what_is_too_long_holds_nothing_that_is_not() -> None:
    assert allowed().keys() - found().keys() == set()
