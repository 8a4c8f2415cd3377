"""The record of a call, from the stream's form to a row.

Rule: a record that no release of ours can have written is named in the log and dropped; anything else gets in, cut to
length where it must be, since one record must never stop those behind it. Pure but for that.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

import msgspec
from sqlalchemy import String

from common import clock
from common.admission.records import parse_record
from common.models import Call
from webapp.services.texts import storable

_TEXTS = ("environment", "tool", "method", "outcome", "decision", "client", "protocol")
_NUMBERS = ("duration_us", "upstream_us", "request_bytes", "response_bytes")
_LENGTHS = {name: cast("String", Call.__table__.c[name].type).length or 0 for name in (*_TEXTS, "id")}
_LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """`row` has the columns of a call. Of a call that it lost sight of, a gateway knows only the token's digest; of one
    that came to nothing early, not the workspace: the token then says which it is."""

    row: dict[str, Any]
    digest: bytes = b""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a stream; `call` None where it cannot be read, `fault` then says why."""

    stream: str
    entry_id: bytes
    call: ParsedCall | None
    fault: str = ""


def parse_entry(stream: str, entry_id: bytes, fields: Mapping[bytes, bytes]) -> Entry:
    try:
        return Entry(stream, entry_id, _parse_call(fields[b"id"].decode(), parse_record(fields[b"record"])))
    except (KeyError, ValueError, TypeError, AttributeError, OverflowError, OSError, msgspec.DecodeError) as error:
        return Entry(stream, entry_id, None, f"{type(error).__name__}: {error}")


def _parse_call(call_id: str, record: dict[str, Any]) -> ParsedCall:
    if not 0 < len(call_id) <= _LENGTHS["id"]:
        raise ValueError("the id has no form that we give")
    row = {
        "id": call_id,
        "at": clock.from_us(record["at_us"]),
        "workspace_id": _find_id(record.get("workspace")),
        "token_id": _find_id(record.get("token")),
        "member_id": _find_id(record.get("member")),
        "server_id": _find_id(record.get("server")),
        **{name: storable(record.get(name, ""))[: _LENGTHS[name]] for name in _TEXTS},
        **{name: max(0, min(int(record.get(name, 0)), _LARGEST)) for name in _NUMBERS},
    }
    digest = bytes.fromhex(record.get("digest", ""))
    if row["token_id"] is None and not digest:
        raise ValueError("the record does not say whose call it was")
    return ParsedCall(row, digest)


def _find_id(text: str | None) -> uuid.UUID | None:
    return uuid.UUID(text) if text else None
