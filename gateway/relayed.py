"""Relayed requests: what servers ask of clients, and the way back.

Rule: each goes out under an id of ours that names this process, so that an answer finds its way from whichever process
receives it. Only the session that was asked may answer, and only once: an id says so by a keyed hash, so that what
anybody makes up goes nowhere.
"""

import hmac
import itertools
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from msgspec import MsgspecError

from gateway.protocol.jsonrpc import ClientReply, Members, decode_members, decode_string, encode
from gateway.signals import Replied, SignalBoard

Answered = Callable[[Members], None]

_ID = re.compile(r"(([0-9a-f]{12})-[0-9a-f]{1,16})-([0-9a-f]{16})")


class Client(NamedTuple):
    """Whom a server asks: a session of a token in a workspace."""

    slug: str
    digest: bytes
    session: str


class RelayedRequests:
    def __init__(self, boot: str, master_keys: Sequence[bytes], board: SignalBoard) -> None:
        self._boot = boot
        self._keys = [hmac.digest(key, b"stoa relayed request", "sha256") for key in master_keys]
        self._board = board
        self._numbers = itertools.count(1)
        self._waiting: dict[str, tuple[Client, Answered]] = {}
        board.on(Replied, self._receive)

    def ask(self, client: Client, answered: Answered) -> str:
        """The id under which the client is asked. `answered` gets its `result` or `error`, and may not block."""
        name = f"{self._boot}-{next(self._numbers):x}"
        relayed_id = f"{name}-{_seal(self._keys[0], name, client)}"
        self._waiting[relayed_id] = client, answered
        return relayed_id

    def withdraw(self, relayed_id: str) -> None:
        """Nobody waits for the answer any more."""
        self._waiting.pop(relayed_id, None)

    def hand_over(self, client: Client, reply: ClientReply) -> None:
        """Bring a client's answer to whoever waits for it, here or in another process; a late one is dropped."""
        try:
            relayed_id = decode_string(reply.id)
        except MsgspecError:
            return
        parts = _ID.fullmatch(relayed_id)
        if parts is None:
            return
        name, boot, seal = parts.groups()
        if any(hmac.compare_digest(seal, _seal(key, name, client)) for key in self._keys):
            outcome = encode(reply.outcome)
            self._board.tell(boot, Replied(relayed_id, client.slug, client.digest, client.session, outcome))

    def _receive(self, replied: Replied) -> None:
        waiting = self._waiting.get(replied.id)
        if waiting is None or waiting[0] != (replied.slug, replied.digest, replied.session):
            return
        del self._waiting[replied.id]
        waiting[1](decode_members(replied.body))


def _seal(key: bytes, name: str, client: Client) -> str:
    told = b" ".join((name.encode(), client.slug.encode(), client.session.encode(), client.digest))
    return hmac.digest(key, told, "sha256")[:8].hex()
