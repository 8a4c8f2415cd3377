"""What a client can be asked: exactly what it declared."""

import itertools
import json
import sys

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
    ("declared", "kept"),
    [
        ({"sampling": {"tools": {"x": 1}, "context": {}, "y": {}}}, {"sampling": {"tools": {}, "context": {}}}),
        ({"sampling": {"tools": True, "audio": {}}}, {"sampling": {}}),
        ({"elicitation": {"form": {"x": 1}, "voice": {}}}, {"elicitation": {"form": {}}}),
        ({"elicitation": {"voice": {}}}, {}),
        ({"elicitation": {}}, {"elicitation": {}}),
        ({"roots": {"listChanged": True, "x": 1}}, {"roots": {}}),
    ],
)
def test_what_the_protocol_does_not_know_is_not_passed_on(declared: dict[str, object], kept: dict[str, object]):
    assert json.loads(relayable(_declare(**declared))) == kept


@pytest.mark.parametrize(("said", "kept"), [(True, {"listChanged": True}), (False, {}), ("yes", {}), ({}, {})])
def test_only_a_server_of_this_client_alone_hears_of_its_roots_changes(said: object, kept: dict[str, object]):
    declared = _declare(roots={"listChanged": said, "x": 1})
    assert json.loads(relayable(declared, to_one=True)) == {"roots": kept}
    assert json.loads(relayable(declared)) == {"roots": {}}


def test_whatever_clients_declare_there_are_a_few_dozen_declarations():
    features: list[object] = [None, {}, {"a": 1}, True, [], 1.5, "x"]
    known = ("tools", "context", "form", "url", "listChanged")
    members = [
        {key: value for key, value in zip((one, other, "own"), values, strict=True) if value is not None}
        for one, other in itertools.combinations(known, 2)
        for values in itertools.product(features, features, [None, {"n": 1}])
    ]
    written: set[bytes] = set()
    for number, (member, to_one) in enumerate(itertools.product(members, (False, True))):
        each = {"sampling": member, "elicitation": members[number % 97], "roots": members[number % 89]}
        written.add(relayable(_declare(**each, own={"n": number}), to_one=to_one))
    assert len(written) <= 100


def test_what_is_too_long_is_not_kept():
    declared = _declare(sampling={"x": "y" * MAX_DECLARED})
    before = sys.getrefcount(declared)
    assert relayable(declared) == NONE
    assert sys.getrefcount(declared) == before


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
