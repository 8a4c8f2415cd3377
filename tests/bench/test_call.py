from collections.abc import Callable
from dataclasses import replace

import pytest

from bench import Wrong
from bench.call import Call

Start = Callable[[str], str]


@pytest.mark.parametrize("era", ["legacy", "modern"])
def test_the_right_answer_is_right(start_upstream: Start, era: str) -> None:
    call = Call(start_upstream(era), era, "echo").opened()
    call.require_right(41)


def test_the_legacy_body_has_about_200_bytes() -> None:
    assert 150 <= len(Call("http://127.0.0.1/", "legacy", "echo").body()) <= 250


def test_an_answer_of_the_other_era_is_wrong(start_upstream: Start) -> None:
    legacy = Call(start_upstream("legacy"), "legacy", "echo")
    with pytest.raises(Wrong, match="modern form"):
        replace(legacy, era="modern").require_right(1)


def test_an_error_is_wrong(start_upstream: Start) -> None:
    modern = Call(start_upstream("modern"), "legacy", "echo")
    with pytest.raises(Wrong, match="handshake with 404"):
        modern.opened()
