"""The portal's side of admission: deny, then commit, then confirm.

Rule: a change that closes is denied before its commit and confirmed after it, and only then answered; from the
confirmation on nothing that it closed is admitted. A change that opens deletes what is known, after its commit.
Never writes permission. Every step may be repeated: the outbox repeats what failed after the commit.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from redis import Redis

from common import redis_keys
from common.admission.line import Command, Script, send_twice
from common.admission.records import (
    CLOSING_MS,
    CUTS_KEPT,
    DEAD,
    DEAD_MS,
    Closing,
    Opening,
    Receipt,
    note_prefix,
    render_closing,
)
from common.clock import now_us


class Publisher:
    """Threads may share it. Every method raises Unavailable when Redis cannot be reached."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._deny, self._undo = Script.read("deny"), Script.read("undo")

    def deny(self, closings: Sequence[Closing]) -> None:
        """Before the commit: nothing is admitted from here on, for as long as a transaction may take."""
        self._send(
            [("EVAL", self._deny.text, 1, _entry(each), render_closing(each.nonce), CLOSING_MS) for each in closings]
        )

    def undo(self, closings: Sequence[Closing]) -> None:
        """After a rollback: take these denials back, and nobody else's."""
        self._send([("EVAL", self._undo.text, 1, _entry(each), render_closing(each.nonce)) for each in closings])

    def confirm(self, closings: Sequence[Closing]) -> Receipt:
        """After the commit: what these closed stays closed, and gateways cut what is open of it."""
        self._send([self._close(each) for each in closings])
        confirmed_at_us = now_us()
        told = self._count_open(closings)
        self._send([_cut(each) for each in closings])
        return Receipt(confirmed_at_us, told)

    def open(self, openings: Sequence[Opening]) -> None:
        """After the commit: forget what is known, and every load under way, so that it is loaded anew."""
        self._send([("DEL", _entry(each)) for each in openings])

    def _close(self, closing: Closing) -> Command:
        if closing.kind == "token":
            return "EVAL", self._deny.text, 1, _entry(closing), DEAD, DEAD_MS
        return "DEL", _entry(closing)  # the next request loads the workspace as it has become

    def _count_open(self, closings: Sequence[Closing]) -> int:
        """Calls and streams of living gateways that are noted under what was closed."""
        prefixes: dict[int, tuple[bytes, ...]] = defaultdict(tuple)
        for closing in closings:
            prefixes[redis_keys.shard(closing.slug)] += (note_prefix(closing.slug, closing.digest).encode(),)
        (boots,) = self._send([("ZRANGE", redis_keys.gateways(), 0, -1)])
        alive = self._send([("EXISTS", redis_keys.gateway(boot.decode())) for boot in boots])
        places = [
            (boot.decode(), shard) for boot, lives in zip(boots, alive, strict=True) if lives for shard in prefixes
        ]
        notes = self._send([("HVALS", redis_keys.notes(shard, boot)) for boot, shard in places])
        return sum(
            note.startswith(prefixes[shard])
            for (_, shard), its_notes in zip(places, notes, strict=True)
            for note in its_notes
        )

    def _send(self, commands: list[Command]) -> list[Any]:
        return send_twice(self._client, commands, "Admission cannot be reached. Try again in a moment.")


def _entry(change: Closing | Opening) -> str:
    if change.digest is None:
        return redis_keys.workspace(change.slug)
    return redis_keys.token(change.slug, change.digest)


def _cut(closing: Closing) -> Command:
    digest = "" if closing.digest is None else closing.digest.hex()
    words = ("kind", closing.kind, "slug", closing.slug, "digest", digest, "reason", closing.reason)
    return "XADD", redis_keys.cuts(redis_keys.shard(closing.slug)), "MAXLEN", "~", CUTS_KEPT, "*", *words
