"""The product tells the name and the version that it is packaged under."""

import tomllib

from common import product
from local import ROOT


def test_name_and_version_are_those_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert (project["name"], project["version"]) == (product.NAME, product.VERSION)
