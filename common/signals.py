"""Signals: what gateway processes tell each other, through Redis.

Rule: what is sent to all may arrive twice and may be lost with Redis; what is sent to one arrives once or not at all.
A process does not hear itself. Bounded: who stays behind by more than a stream keeps has missed what was dropped.
Carries bytes and does not know what they mean.
"""

from typing import Any

from redis import Redis

from common import redis_keys
from common.admission.line import FAULTS, Command, Line, send_twice
from common.errors import Unavailable

# Of what is told to all, or to one. Processes read within milliseconds; one that lives and stands still for long
# enough to miss something is about to lose its lease.
KEPT = 10_000
KEPT_IN_INBOX = 1_000
# An inbox outlives the lease of its process several times, and nobody reads one that is older.
INBOX_MS = 60_000
# At one reading, of each of the two streams.
READ_AT_ONCE = 16

_REFUSAL = "Other gateways cannot be reached. Try again in a moment."


class Signals:
    """One per gateway process, named by `boot`. Greenlets may share it; one of them reads."""

    def __init__(self, client: Redis, boot: str) -> None:
        self._client, self._boot = client, boot
        self._all, self._inbox = redis_keys.signals(), redis_keys.inbox(boot)
        self._line = Line(client)
        self._places: dict[str, bytes] = {}  # the id of what was read last, of each stream
        self._is_sure = False

    def broadcast(self, body: bytes) -> None:
        """To every other process. Raises Unavailable."""
        words = ("from", self._boot, "body", body)
        send_twice(self._client, [("XADD", self._all, "MAXLEN", "~", KEPT, "*", *words)], _REFUSAL)

    def send(self, boot: str, body: bytes) -> bool:
        """To one process; False when that has ended. Raises Unavailable, and may then have been sent."""
        if send_twice(self._client, [("EXISTS", redis_keys.gateway(boot))], _REFUSAL) != [1]:
            return False
        inbox = redis_keys.inbox(boot)
        batch = self._client.pipeline(transaction=False)
        batch.execute_command("XADD", inbox, "MAXLEN", "~", KEPT_IN_INBOX, "*", "body", body)
        batch.execute_command("PEXPIRE", inbox, INBOX_MS)
        try:
            batch.execute()  # once: the connection was found a moment ago, and a second copy would be one too many
        except FAULTS as fault:
            raise Unavailable(_REFUSAL) from fault
        return True

    def read(self, block_ms: int) -> list[bytes]:
        """What came since the last reading, waiting up to `block_ms` for the first; at first, what comes from now on.

        Raises Unavailable; what came meanwhile is read when Redis answers again.
        """
        try:
            with self._line as line:
                if not self._is_sure:
                    self._find_places(line)
                # What was read of the inbox is nobody else's: it makes room now that its successor is asked for.
                trim: Command = ("XTRIM", self._inbox, "MINID", self._places[self._inbox])
                streams = (self._all, self._inbox, self._places[self._all], self._places[self._inbox])
                read: Command = ("XREAD", "COUNT", READ_AT_ONCE, "BLOCK", max(block_ms, 1), "STREAMS", *streams)
                _, reply = _require_answers(line.exchange(trim, read, wait=block_ms / 1000))
        except FAULTS as fault:
            self._is_sure = False
            raise Unavailable(_REFUSAL) from fault
        return [body for key, entries in reply or () for entry in entries if (body := self._take(key.decode(), *entry))]

    def close(self) -> None:
        self._line.close()

    def _find_places(self, line: Line) -> None:
        """Where to read on. A Redis that was emptied or replaced may count from below what we know: then from 0."""
        newest = [("XREVRANGE", stream, "+", "-", "COUNT", 1) for stream in (self._all, self._inbox)]
        all_now, inbox_now = (
            entries[0][0] if entries else b"0-0" for entries in _require_answers(line.exchange(*newest))
        )
        known = self._places or {self._all: all_now, self._inbox: b"0-0"}  # an inbox is its process's from the start
        self._places = {
            stream: known[stream] if _order(known[stream]) <= _order(now) else b"0-0"
            for stream, now in ((self._all, all_now), (self._inbox, inbox_now))
        }
        self._is_sure = True

    def _take(self, stream: str, id: bytes, words: list[bytes]) -> bytes | None:
        self._places[stream] = id
        fields = dict(zip(words[::2], words[1::2], strict=True))
        return None if fields.get(b"from") == self._boot.encode() else fields[b"body"]


def _order(id: bytes) -> tuple[int, int]:
    milliseconds, _, number = id.partition(b"-")
    return int(milliseconds), int(number)


def _require_answers(replies: list[Any]) -> list[Any]:
    for reply in replies:
        if isinstance(reply, Exception):
            raise reply
    return replies
