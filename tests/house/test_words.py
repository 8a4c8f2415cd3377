"""The project speaks of itself alone, and mentions nothing that is not part of it."""

import re

from tests.house.source import paths, text

# Spelled in halves, so that this file does not mention them either.
ELSEWHERE = [
    r"(?<![\w.])/wo" + r"rk/",
    r"\.\./sha" + r"red",
    r"\b(?:SPEC|ADMISSION|PERFORMANCE|PROTOCOL|HOUSE|DEPENDENCIES)\.m" + r"d\b",
    r"\bissue[ ]#?\d",
    r"python" + r"hosted",
    r"//(?:files|registry|deb|security|index)\.",
]


def test_no_file_mentions_what_is_not_part_of_the_project() -> None:
    pattern = re.compile("|".join(ELSEWHERE))
    faults = {path: found[0] for path in paths() if (found := pattern.search(text(path)))}
    assert faults == {}
