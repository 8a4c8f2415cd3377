"""Activity: append-only, chained so that a change shows.

Rule: each account has its own key, its own sequence and its own chain; an entry is written in the transaction of the
change that it tells of, with the account's row locked. Whoever can write to the database but does not hold the
master keys cannot change, add or reorder an entry, nor remove one that others follow, without `verify` naming it. The
end they can cut off unseen if they put back a head of the account that they have kept from that time: only heads kept
outside of the database tell that the chain went on, and this module keeps none.
"""

import hmac
import json
import uuid
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from common import clock, ids
from common.models.account import Account
from common.models.activity import LABEL_LENGTH, Activity
from common.sealing.keyring import DataKey, Keyring, KeyringError


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """What is to be told. `details` holds JSON values only, and never a secret."""

    at: datetime
    actor_id: uuid.UUID | None
    actor: str
    action: str
    workspace_id: uuid.UUID | None = None
    target_id: uuid.UUID | None = None
    target: str = ""
    address: str = ""
    request_id: str = ""
    details: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken_at` is the sequence number of the first link that does not hold; None when all of them do."""

    entries: int
    broken_at: int | None
    reason: str


def begin_chain(account: Account, keyring: Keyring) -> None:
    """Gives a new account its key and the head of its empty chain."""
    account.activity_key = keyring.new_data_key()
    key = keyring.unwrap(account.activity_key)
    account.activity_seq = 0
    account.activity_head = _head(key, 0, _origin(key, account.id))


def append(session: Session, keyring: Keyring, account_id: uuid.UUID, deed: Deed) -> Activity:
    """Adds an entry to the account's chain. Locks the account's row: take other locks first."""
    account = session.scalars(
        select(Account)
        .where(Account.id == account_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)
    ).one()
    key = keyring.unwrap(account.activity_key)
    previous = session.scalars(
        select(Activity.mac).where(Activity.account_id == account_id, Activity.seq == account.activity_seq)
    ).one_or_none()
    entry = Activity(
        id=ids.new_id(),
        account_id=account_id,
        seq=account.activity_seq + 1,
        at=deed.at,
        actor_id=deed.actor_id,
        actor=deed.actor[:LABEL_LENGTH],
        action=deed.action,
        workspace_id=deed.workspace_id,
        target_id=deed.target_id,
        target=deed.target[:LABEL_LENGTH],
        address=deed.address[:64],
        request_id=deed.request_id[:64],
        details=deed.details,
    )
    entry.mac = _mac(key, previous or _origin(key, account_id), entry)
    account.activity_seq = entry.seq
    account.activity_head = _head(key, entry.seq, entry.mac)
    session.add(entry)
    session.flush()
    return entry


def verify(session: Session, keyring: Keyring, account_id: uuid.UUID) -> Verdict:
    """Reads the whole chain of an account and names the first link that is broken."""
    account = session.scalars(select(Account).where(Account.id == account_id)).one()
    try:
        key = keyring.unwrap(account.activity_key)
    except KeyringError as error:
        return Verdict(0, 0, f"the account's key does not open: {error}")
    mac = _origin(key, account_id)
    seq = 0
    query = select(Activity).where(Activity.account_id == account_id).order_by(Activity.seq)
    # Read in portions, since a chain only grows; closed here, since reading may stop early.
    with closing(session.scalars(query.execution_options(yield_per=500))) as entries:
        for entry in entries:
            if entry.seq != seq + 1:
                return Verdict(seq, seq + 1, "an entry is missing")
            mac = _mac(key, mac, entry)
            if not hmac.compare_digest(mac, entry.mac):
                return Verdict(seq, entry.seq, "the entry has been changed, or what precedes it has")
            seq = entry.seq
    if account.activity_seq != seq or not hmac.compare_digest(account.activity_head, _head(key, seq, mac)):
        return Verdict(seq, seq + 1, "entries are missing at the end, or were added to it")
    return Verdict(seq, None, "whole")


def _origin(key: DataKey, account_id: uuid.UUID) -> bytes:
    return hmac.digest(key.secret, b"origin" + account_id.bytes, "sha256")


def _head(key: DataKey, seq: int, mac: bytes) -> bytes:
    # Not the entry's own code: that one stays readable in its row, and could be put back as the head
    # of a chain that was cut there.
    return hmac.digest(key.secret, b"head" + seq.to_bytes(8, "big") + mac, "sha256")


def _mac(key: DataKey, previous: bytes, entry: Activity) -> bytes:
    told = {
        "account": entry.account_id.hex,
        "action": entry.action,
        "actor": entry.actor,
        "actor_id": entry.actor_id and entry.actor_id.hex,
        "address": entry.address,
        "at_us": clock.to_us(entry.at),
        "details": entry.details,
        "id": entry.id.hex,
        "request": entry.request_id,
        "seq": entry.seq,
        "target": entry.target,
        "target_id": entry.target_id and entry.target_id.hex,
        "workspace": entry.workspace_id and entry.workspace_id.hex,
    }
    body = json.dumps(told, sort_keys=True, separators=(",", ":")).encode()
    return hmac.digest(key.secret, b"entry" + previous + body, "sha256")
