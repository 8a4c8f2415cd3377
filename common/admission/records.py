"""What portal and gateway say to each other through Redis, and its form.

Rule: SQL is the truth and Redis a cache of it. Only gateways write permission; the portal only denies or deletes.
An entry is its epoch (8 bytes), its state (1 byte), and what that state carries. The scripts read the same layout.
Nothing here talks to Redis.
"""

import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal, NamedTuple

import msgspec

ENTRY_MS = 24 * 3600 * 1000  # tokens in daily use survive an outage of the database; the others free their memory
LEASE_MS = 5_000  # more than a load takes; a loader that died is not waited for longer
CLOSING_MS = 60_000  # more than any transaction may take (statement_timeout); a portal that died blocks no longer
DEAD_MS = 3600 * 1000  # spares the database a load per retry of a revoked token; after it, the database says the same
GATEWAY_SECONDS = 10  # a gateway heartbeats every few seconds: one that missed several is dead
SESSION_MS = 3600 * 1000  # a client that said nothing for an hour has gone; one that has not initializes again
CUTS_KEPT = 10_000  # cuts are signals, not records: a gateway so far behind asks about every stream anew

EPOCH_BYTES = 8
ANY_EPOCH = bytes(EPOCH_BYTES)  # denials hold in every epoch
DEAD = ANY_EPOCH + b"D"

_TOKEN = struct.Struct("<iqq")
_WORKSPACE = struct.Struct("<qiq")
_STATES = {"active": b"A", "frozen": b"F", "gone": b"G"}
_RULES = struct.Struct("<8sqiiB")
_ANSWER = struct.Struct("<BBqiiqqq")

Kind = Literal["token", "workspace"]


class Verdict(Enum):
    """Numbered as in ask.lua, but for UNAVAILABLE, which no script says."""

    OK = 0
    AGAIN = 1  # ok, and its place was taken by the same question before
    LOAD = 2  # load what `load_token` and `load_workspace` say, then ask again
    DEAD = 3  # revoked
    CLOSING = 4  # being closed: 503 with Retry-After: 1, the next answer will be definite
    EXPIRED = 5
    GONE = 6  # the workspace is offboarding or deleted
    FROZEN = 7  # refused, but it took its place and is noted: it has to be ended
    LIMITED = 8
    QUOTA = 9
    TOO_LARGE = 10  # costs more places than the limit has: it never fits
    NO_SESSION = 11  # the MCP session has ended, has expired, or is another token's
    UNAVAILABLE = 12  # Redis could not be asked

    @property
    def is_admitted(self) -> bool:
        return self in _ADMITTED

    @property
    def is_noted(self) -> bool:
        """Whether a question that costs something has left a note, so that the call has to be ended."""
        return self in _NOTED


_VERDICTS = tuple(Verdict)
_ADMITTED = (Verdict.OK, Verdict.AGAIN)
_NOTED = (*_ADMITTED, Verdict.FROZEN)


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """`limit` 0: only the workspace's; `expires_us` 0: never; `ref`: up to 120 bytes, handed out with each answer."""

    limit: int
    expires_us: int
    version: int
    ref: str


@dataclass(frozen=True, slots=True)
class WorkspaceRecord:
    """`version` is the snapshot's; calls are refused until `quota_until_us`."""

    status: Literal["active", "frozen", "gone"]
    version: int
    limit: int
    quota_until_us: int = 0


class Question(NamedTuple):
    """A named tuple, as Answer is: one of each is made per request, and a frozen dataclass costs four times as much.

    `session`: the MCP session that the request names, if it names one; without it there is no yes.
    """

    slug: str
    digest: bytes
    call_id: str
    cost: int
    is_call: bool
    note: str = ""
    session: str = ""


class Answer(NamedTuple):
    """`remaining` is -1 unless refused as LIMITED. `in_doubt`: not admitted, but the call may be noted all the same,
    since a reply was lost: end it with `only_if_noted`. `expires_us`: the token does then, 0: never. `session`: the
    state of the session that was named, as kept."""

    verdict: Verdict
    version: int = 0
    ref: str = ""
    limit: int = 0
    remaining: int = -1
    retry_after_us: int = 0
    time_us: int = 0
    expires_us: int = 0
    load_token: bool = False
    load_workspace: bool = False
    in_doubt: bool = False
    session: bytes = b""


class Ending(NamedTuple):
    """`fields` are the call's record; `only_if_noted`: record it only if it did begin."""

    slug: str
    call_id: str
    fields: Mapping[str, str | int | bytes]
    only_if_noted: bool = False


class Cut(NamedTuple):
    """What a gateway must cut: one token's streams and calls, or the whole workspace's (`digest` None)."""

    shard: int
    id: str
    kind: Kind
    slug: str
    digest: bytes | None
    reason: str


@dataclass(frozen=True, slots=True)
class Lease:
    """What one loader may publish. `waiting`: somebody else is loading, wait a little and ask again."""

    slug: str
    digest: bytes
    nonce: str
    token: bool
    workspace: bool
    waiting: bool


@dataclass(frozen=True, slots=True)
class Closing:
    """A change after which a token, or a whole workspace as loaded so far (`digest` None), opens nothing.

    The nonce tells this change's denial from another's.
    """

    kind: Kind
    slug: str
    digest: bytes | None
    reason: str
    nonce: str = field(default_factory=lambda: secrets.token_hex(8))

    def __post_init__(self) -> None:
        _require_subject(self.kind, self.digest)


@dataclass(frozen=True, slots=True)
class Opening:
    """A change after which a token or workspace may do more: whatever is known of it is to be loaded anew."""

    kind: Kind
    slug: str
    digest: bytes | None

    def __post_init__(self) -> None:
        _require_subject(self.kind, self.digest)


@dataclass(frozen=True, slots=True)
class Receipt:
    """From `confirmed_at_us` on nothing is admitted; `streams_told` calls and streams were open and told to close."""

    confirmed_at_us: int
    streams_told: int


def render_token(record: TokenRecord, epoch: bytes) -> bytes:
    return epoch + b"A" + _TOKEN.pack(record.limit, record.expires_us, record.version) + record.ref.encode()


def render_workspace(record: WorkspaceRecord, epoch: bytes) -> bytes:
    body = _WORKSPACE.pack(record.version, record.limit, record.quota_until_us)
    return epoch + _STATES[record.status] + body


def render_lease(nonce: str, epoch: bytes) -> bytes:
    return epoch + b"L" + nonce.encode()


def render_closing(nonce: str) -> bytes:
    return ANY_EPOCH + b"C" + nonce.encode()


def render_rules(epoch: bytes, window_us: int, places: int, question: Question) -> bytes:
    return _RULES.pack(epoch, window_us, places, question.cost, question.is_call)


def parse_answer(reply: bytes, session: bytes = b"") -> Answer:
    verdict, loads, version, limit, remaining, wait, now, expires = _ANSWER.unpack_from(reply)
    ref = reply[_ANSWER.size :].decode()
    load_token, load_workspace = bool(loads & 1), bool(loads & 2)
    return Answer(
        _VERDICTS[verdict],
        version,
        ref,
        limit,
        remaining,
        wait,
        now,
        expires,
        load_token,
        load_workspace,
        False,
        session,
    )


def note_prefix(slug: str, digest: bytes | None) -> str:
    """How the notes of a token's calls begin, or (`digest` None) of a workspace's. What was asked and the token's
    reference follow."""
    return f"{slug} " if digest is None else f"{slug} {digest[:8].hex()} "


def render_record(fields: Mapping[str, str | int | bytes]) -> bytes:
    """One value rather than a dozen: each word on its way through a script costs as much as encoding all of them."""
    return msgspec.msgpack.encode(fields)


def parse_record(record: bytes) -> dict[str, Any]:
    return msgspec.msgpack.decode(record)


def _require_subject(kind: Kind, digest: bytes | None) -> None:
    """A token's change that names no token would otherwise pass for its workspace's."""
    if (kind == "token") != (digest is not None):
        raise ValueError(f"a {kind} is changed with{'out' if kind == 'workspace' else ''} a digest")
