"""The era of a request, and the order in which a modern one is held to its rules."""

import json
from typing import Any

import pytest
from msgspec import Raw

from gateway.protocol.eras import ASSUMED_VERSION, Spoken, agreed_version, parse_spoken, require_batches, require_legacy
from gateway.protocol.jsonrpc import Batch, ClientReply, Message, parse_posted
from gateway.protocol.refusals import Refusal
from upstream.eras import META_CAPABILITIES, META_VERSION, MODERN_VERSION, Era

META = {META_VERSION: MODERN_VERSION, META_CAPABILITIES: {}}


def speak(method: str, params: dict[str, Any] | None, *headers: tuple[str, str], id: Any = 1) -> Spoken:
    message: dict[str, Any] = {"jsonrpc": "2.0", "method": method}
    if id is not None:
        message["id"] = id
    if params is not None:
        message["params"] = params
    environ: dict[str, Any] = {"HTTP_" + name.upper().replace("-", "_"): value for name, value in headers}
    environ["stoa.headers"] = [(name.encode(), value.encode()) for name, value in headers]
    posted = parse_posted(json.dumps(message).encode())
    assert isinstance(posted, Message)
    return parse_spoken(posted, environ)


def modern(*extra: tuple[str, str], method: str = "tools/list") -> tuple[tuple[str, str], ...]:
    return (("MCP-Protocol-Version", MODERN_VERSION), ("Mcp-Method", method), *extra)


def code_of(method: str, params: dict[str, Any] | None, *headers: tuple[str, str]) -> int:
    with pytest.raises(Refusal) as raised:
        speak(method, params, *headers)
    assert raised.value.status == 400
    return raised.value.code


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_handshake_revision_in_the_header_is_legacy(version: str):
    assert speak("tools/list", None, ("MCP-Protocol-Version", version)) == Spoken(Era.LEGACY, version, None)


def test_no_version_at_all_is_legacy_of_the_assumed_revision():
    assert speak("tools/list", {}) == Spoken(Era.LEGACY, ASSUMED_VERSION, None)


def test_a_version_in_meta_is_modern():
    assert speak("tools/list", {"_meta": META}, *modern()).era is Era.MODERN


def test_initialize_with_meta_that_has_no_version_is_legacy():
    assert speak("initialize", {"_meta": {"progressToken": 1}}).era is Era.LEGACY


def test_a_modern_notification_is_held_to_nothing():
    assert speak("notifications/x", None, ("MCP-Protocol-Version", MODERN_VERSION), id=None).era is Era.MODERN


def test_a_doubled_header_is_refused_before_anything_else():
    assert code_of("tools/list", {}, *modern(), ("mcp-method", "tools/list")) == -32020


@pytest.mark.parametrize(
    "meta",
    [
        None,
        {},
        {META_VERSION: MODERN_VERSION},
        {META_CAPABILITIES: {}},
        {**META, META_CAPABILITIES: 5},
        {**META, META_VERSION: 5},
    ],
)
def test_missing_or_misshapen_meta_is_invalid_params(meta: dict[str, Any] | None):
    assert code_of("tools/list", {} if meta is None else {"_meta": meta}, *modern()) == -32602


def test_a_header_of_an_unknown_form_is_invalid_params():
    assert code_of("tools/list", None, ("MCP-Protocol-Version", "garbage")) == -32602


@pytest.mark.parametrize(
    "headers",
    [
        (("Mcp-Method", "tools/list"),),
        (("MCP-Protocol-Version", "2025-11-25"), ("Mcp-Method", "tools/list")),
        (("MCP-Protocol-Version", MODERN_VERSION),),
        (("MCP-Protocol-Version", MODERN_VERSION), ("Mcp-Method", "Tools/List")),
        (("MCP-Protocol-Version", MODERN_VERSION), ("Mcp-Method", "tools/call")),
    ],
)
def test_a_header_that_differs_from_the_body_is_a_mismatch(headers: tuple[tuple[str, str], ...]):
    assert code_of("tools/list", {"_meta": META}, *headers) == -32020


@pytest.mark.parametrize(
    "name", [(), (("Mcp-Name", "other"),), (("Mcp-Name", "=?base64?ZWNobw?="),), (("Mcp-Name", "=?base64?!!!?="),)]
)
def test_a_name_that_is_missing_or_differs_is_a_mismatch(name: tuple[tuple[str, str], ...]):
    assert code_of("tools/call", {"_meta": META, "name": "echo"}, *modern(*name, method="tools/call")) == -32020


@pytest.mark.parametrize("header", ["echo", " echo\t", "=?base64?ZWNobw==?="])
def test_a_name_may_be_padded_or_encoded(header: str):
    assert (
        speak("tools/call", {"_meta": META, "name": "echo"}, *modern(("Mcp-Name", header), method="tools/call")).era
        is Era.MODERN
    )


def test_a_version_from_the_future_is_told_what_is_supported():
    meta = {**META, META_VERSION: "2099-01-01"}
    with pytest.raises(Refusal) as raised:
        speak("tools/list", {"_meta": meta}, ("MCP-Protocol-Version", "2099-01-01"), ("Mcp-Method", "tools/list"))
    assert raised.value.code == -32022
    assert raised.value.data == {"supported": [MODERN_VERSION], "requested": "2099-01-01"}


@pytest.mark.parametrize("params", [{"_meta": META}, {"_meta": META, "name": ""}, {"_meta": META, "name": 5}])
def test_a_call_without_a_name_is_invalid_params(params: dict[str, Any]):
    assert code_of("tools/call", params, *modern(("Mcp-Name", "x"), method="tools/call")) == -32602


@pytest.mark.parametrize("token", [None, True, 1.5, {}, [1], "x" * 300])
def test_a_progress_token_that_could_not_come_back_with_every_event_is_refused(token: Any):
    with pytest.raises(Refusal, match="progress token"):
        speak("tools/call", {"name": "x", "_meta": {"progressToken": token}})
    speak("tools/call", {"name": "x", "_meta": {"progressToken": "x" * 200}})


def _environ(version: str | None) -> dict[str, Any]:
    return {} if version is None else {"HTTP_MCP_PROTOCOL_VERSION": version}


@pytest.mark.parametrize("version", [None, "2024-11-05", "2025-03-26"])
def test_the_revisions_with_batches_may_send_one(version: str | None):
    spoken = require_legacy(Batch([], [], []), _environ(version))
    assert spoken == Spoken(Era.LEGACY, version or ASSUMED_VERSION, None)


@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", MODERN_VERSION, "x"])
def test_every_other_revision_may_not(version: str):
    with pytest.raises(Refusal) as raised:
        require_legacy(Batch([], [], []), _environ(version))
    assert (raised.value.status, raised.value.code) == (400, -32600)


def test_the_modern_era_has_no_answers_of_clients():
    require_legacy(ClientReply(b"1", {}), _environ("2025-11-25"))
    with pytest.raises(Refusal, match="one JSON-RPC request"):
        require_legacy(ClientReply(b"1", {}), _environ(MODERN_VERSION))


def test_what_a_session_agreed_on_decides_about_its_batches():
    require_batches("2025-03-26")
    with pytest.raises(Refusal, match="2025-11-25"):
        require_batches("2025-11-25")


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [
        ("2025-03-26", "2025-03-26"),
        ("2025-11-25", "2025-11-25"),
        (MODERN_VERSION, "2025-11-25"),
        ("1999", "2025-11-25"),
    ],
)
def test_a_session_is_offered_what_it_asks_for_or_the_latest_with_a_handshake(asked: str, agreed: str):
    assert agreed_version(Message(b"1", "initialize", {"protocolVersion": Raw(json.dumps(asked).encode())})) == agreed
