"""What a client can be asked: exactly what it declared."""

import json

import pytest
from msgspec import Raw

from gateway.protocol.capabilities import ELICIT, LIST_ROOTS, MAX_DECLARED, NONE, SAMPLE, can_answer, relayable


def _declare(**capabilities: object) -> bytes:
    return json.dumps(capabilities).encode()


def test_only_what_is_relayed_counts_and_is_always_written_the_same_way():
    one = relayable(_declare(roots={"listChanged": True}, experimental={"x": 1}, elicitation={"url": {}, "form": {}}))
    other = relayable(_declare(elicitation={"form": {}, "url": {}}, roots={}, extensions={}))
    assert one == other == b'{"elicitation":{"form":{},"url":{}},"roots":{}}'


@pytest.mark.parametrize(
    "declared",
    [
        b"{}",
        b"[]",
        b"null",
        b"{",
        b'{"sampling":true}',
        b"[" * 5000,
        b'{"sampling":{"x":"' + b"y" * MAX_DECLARED + b'"}}',
    ],
)
def test_what_declares_nothing_that_counts_is_none(declared: bytes):
    assert relayable(declared) == NONE


@pytest.mark.parametrize(
    ("declared", "method", "mode", "expected"),
    [
        (_declare(sampling={}), SAMPLE, None, True),
        (_declare(elicitation={}), SAMPLE, None, False),
        (_declare(roots={}), LIST_ROOTS, None, True),
        (_declare(), LIST_ROOTS, None, False),
        (_declare(elicitation={}), ELICIT, None, True),
        (_declare(elicitation={}), ELICIT, "form", True),
        (_declare(elicitation={}), ELICIT, "url", False),
        (_declare(elicitation={"url": {}}), ELICIT, "url", True),
        (_declare(elicitation={"url": {}}), ELICIT, None, False),
        (_declare(elicitation={"form": {}, "url": {}}), ELICIT, None, True),
        (_declare(sampling={}, elicitation={}, roots={}), "tasks/get", None, False),
    ],
)
def test_a_client_is_asked_what_it_declared_and_nothing_else(
    declared: bytes, method: str, mode: str | None, expected: bool
):
    params = {} if mode is None else {"mode": Raw(json.dumps(mode).encode())}
    assert can_answer(declared, method, params) is expected
