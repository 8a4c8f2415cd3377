from local.environment import uv_options

PIP_SETTINGS = """
:env:.timeout='180'
:env:.find-links='/opt/wheels'
global.extra-index-url='https://one.example/simple https://two.example/simple'
global.index-url='https://zero.example/simple'
"""


def test_uv_is_told_where_pip_looks_for_packages() -> None:
    assert uv_options(PIP_SETTINGS) == [
        *("--find-links", "/opt/wheels"),
        *("--index", "https://one.example/simple"),
        *("--index", "https://two.example/simple"),
        *("--default-index", "https://zero.example/simple"),
    ]


def test_without_settings_of_pip_uv_is_told_nothing() -> None:
    assert uv_options("") == []
