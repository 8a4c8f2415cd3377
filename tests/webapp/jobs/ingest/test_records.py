"""A record becomes a row, or is named as unreadable; it never stops those behind it."""

import uuid
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from common import clock
from common.admission.records import render_record
from webapp.jobs.ingest.records import Entry, parse_entry

WORKSPACE, TOKEN = uuid.UUID(int=1), uuid.UUID(int=2)
FIELDS: dict[str, Any] = {
    "at_us": 1_800_000_000_123_456,
    "workspace": WORKSPACE.hex,
    "environment": "prod",
    "token": TOKEN.hex,
    "member": "",
    "server": "",
    "tool": "echo__echo",
    "method": "tools/call",
    "outcome": "ok",
    "decision": "",
    "duration_us": 1500,
    "upstream_us": 1200,
    "request_bytes": 100,
    "response_bytes": 200,
    "client": "claude/1",
    "protocol": "2026-07-28",
}


def parse(call_id: bytes = b"c1", **changes: Any) -> Entry:
    return parse_entry("s", b"1-1", {b"id": call_id, b"record": render_record({**FIELDS, **changes})})


def test_a_record_becomes_a_row():
    call = parse().call
    assert call is not None
    assert call.row == {
        **{name: FIELDS[name] for name in FIELDS if name not in ("at_us", "workspace", "token", "member", "server")},
        "id": "c1",
        "at": clock.from_us(FIELDS["at_us"]),
        "workspace_id": WORKSPACE,
        "token_id": TOKEN,
        "member_id": None,
        "server_id": None,
    }


def test_what_is_too_long_or_too_large_is_cut():
    call = parse(client="c" * 1000, tool="t\0" * 200, duration_us=-5, response_bytes=2**64 - 1).call
    assert call is not None
    assert (len(call.row["client"]), call.row["tool"], call.row["duration_us"]) == (100, "t" * 128, 0)
    assert call.row["response_bytes"] == 2**63 - 1


def test_a_call_that_was_lost_sight_of_names_its_token_by_digest():
    fields = {"at_us": 1, "digest": "ab" * 32, "outcome": "interrupted", "decision": "unavailable"}
    call = parse_entry("s", b"1-1", {b"id": b"c1", b"record": render_record(fields)}).call
    assert call is not None
    assert (call.digest, call.row["token_id"], call.row["workspace_id"]) == (b"\xab" * 32, None, None)


def test_an_unreadable_record_says_why():
    for entry in (
        parse(b""),
        parse(b"c" * 65),
        parse(token="no id"),
        parse(token=""),
        parse(at_us="now"),
        parse(at_us=2**80 // 2**20),
        parse_entry("s", b"1-1", {}),
        parse_entry("s", b"1-1", {b"id": b"c1", b"record": b"\xc1"}),
        parse_entry("s", b"1-1", {b"id": b"c1", b"record": b"\x01"}),
    ):
        assert entry.call is None
        assert entry.fault


@given(st.binary(max_size=64))
def test_no_bytes_make_the_reading_fail(record: bytes):
    parse_entry("s", b"1-1", {b"id": b"c1", b"record": record})
