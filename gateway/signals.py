"""Signals between gateway processes, and who here wants to hear them.

Rule: whoever listens is called in the greenlet that reads, or in the one that tells, and must not wait for anything.
What one of them raises is logged and keeps nothing from the others. A signal to all is a hint: what is lost with Redis
must be found out in time without it.
"""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
import structlog

from common.errors import Unavailable
from common.signals import Signals

# A blocking read returns after this long without news, so that a dead connection is noticed.
BLOCK_MS = 500

log = structlog.get_logger()


class Signal(msgspec.Struct, frozen=True, tag=True, array_like=True):
    """One form per class, told apart by its name: what another release does not know it leaves alone."""


class Changed(Signal, frozen=True):
    """A server's list has changed: `method` is what lists it, as tools/list."""

    slug: str
    environment: str
    method: str


class StreamOpened(Signal, frozen=True):
    """A legacy session has a new GET stream, here or elsewhere; older ones, of another nonce, end."""

    slug: str
    digest: bytes
    session: str
    nonce: str


class SessionChanged(Signal, frozen=True):
    """A legacy session follows other resources than before."""

    slug: str
    digest: bytes
    session: str


class SessionEnded(Signal, frozen=True):
    slug: str
    digest: bytes
    session: str


class Replied(Signal, frozen=True):
    """What a legacy client answered to a request of ours: `id` is the request's, `body` its outcome as JSON."""

    id: str
    slug: str
    digest: bytes
    session: str
    body: bytes


class Cancelled(Signal, frozen=True):
    """A legacy client does not want the answer to its request any more; `request_id` is JSON."""

    slug: str
    digest: bytes
    session: str
    request_id: bytes


class Resumed(Signal, frozen=True):
    """The client's answer (JSON, or nothing) to the question of a parked call, whose own state it brought back.

    What the call says from here on is wanted by `boot`, under `tag`.
    """

    park: str
    slug: str
    digest: bytes
    server: str
    answer: bytes
    state: str
    boot: str
    tag: str


class Lent(Signal, frozen=True):
    """A message (JSON) of a call that is parked elsewhere."""

    tag: str
    event: bytes


class Returned(Signal, frozen=True):
    """A call that was parked elsewhere has ended by a fault of its server, or ('') is not there."""

    tag: str
    fault: str = ""
    sentence: str = ""
    may_have_run: bool = False


class Answered(Signal, frozen=True):
    """The client's answer to a further question of a call that is parked elsewhere; id and outcome are JSON."""

    tag: str
    request_id: bytes
    outcome: bytes


class Abandoned(Signal, frozen=True):
    """Nobody wants to hear any more of a call that is parked elsewhere."""

    tag: str


Known = (
    Changed
    | StreamOpened
    | SessionChanged
    | SessionEnded
    | Replied
    | Cancelled
    | Resumed
    | Lent
    | Returned
    | Answered
    | Abandoned
)
Kind = TypeVar("Kind", bound=Signal)

_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(Known).decode


class SignalBoard:
    """One per process; `boot` is the process's own name."""

    def __init__(self, signals: Signals, boot: str) -> None:
        self._signals = signals
        self._boot = boot
        self._listeners: defaultdict[type[Signal], list[Callable[[Any], None]]] = defaultdict(list)

    def on(self, kind: type[Kind], do: Callable[[Kind], None]) -> None:
        self._listeners[kind].append(do)

    def tell_all(self, signal: Known) -> None:
        """Here at once, and at every other process that Redis reaches."""
        self._deliver(signal)
        try:
            self._signals.broadcast(_encode(signal))
        except Unavailable:
            log.warning("other gateways were not told", signal=type(signal).__name__)

    def tell(self, boot: str, signal: Known) -> bool:
        """To one process; False when it has ended, or cannot be reached."""
        if boot == self._boot:
            self._deliver(signal)
            return True
        try:
            return self._signals.send(boot, _encode(signal))
        except Unavailable:
            return False

    def run(self) -> None:
        """Raises Unavailable when Redis does not answer; started again, it goes on where it was."""
        while True:
            for body in self._signals.read(BLOCK_MS):
                try:
                    signal = _decode(body)
                except msgspec.MsgspecError:
                    log.warning("a signal was not understood: is another release running?", bytes=len(body))
                    continue
                self._deliver(signal)

    def _deliver(self, signal: Known) -> None:
        for do in self._listeners[type(signal)]:
            try:
                do(signal)
            except Exception:  # one that fails must not keep the others, or the next signal, from being heard
                log.exception("a signal was not acted on", signal=type(signal).__name__)
