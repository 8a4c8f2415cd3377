"""The tests mirror the tree: whoever looks for the test of a file knows where it is."""

from tests.house.source import ROOT, python

MIRRORED = ("common", "upstream", "webapp", "gateway", "cli", "bench", "soaks", "examples", "local", "tools")


def test_every_test_stands_where_the_file_it_tests_does() -> None:
    strays = []
    for path in python("tests"):
        folder, _, name = path.removeprefix("tests/").rpartition("/")
        if folder.split("/")[0] in MIRRORED and name.startswith("test_"):
            tested = name.removeprefix("test_").removesuffix(".py")
            # A file of any language, or a package as a whole.
            if not [*(ROOT / folder).glob(f"{tested}.*"), *(ROOT / folder).glob(f"{tested}/")]:
                strays.append(path)
    assert strays == []
