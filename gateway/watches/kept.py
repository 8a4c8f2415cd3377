"""A kept watch: one server, heard for as long as somebody here listens.

Rule: opened again whenever it ends, after longer and longer rests, so that a server that has no such stream is no
trouble to anybody. Whoever may have missed something is told so. A new watch is open before the old one is closed.
"""

from collections.abc import Callable
from contextlib import suppress

import gevent
import structlog
from gevent.event import Event
from msgspec import Raw

from common import clock
from gateway.asking import spawn_forever
from upstream.faults import UpstreamFault
from upstream.requests import Message
from upstream.watches import Watch

FIRST_REST_SECONDS = 1
LONGEST_REST_SECONDS = 60
# A watch that lasted this long was a good one: its end says nothing about the next.
STEADY_SECONDS = 10
# Clients come with their wishes one by one: a watch is not opened anew for each of them.
REARRANGE_SECONDS = 0.25
# Later than this the clients have been told that they are listening: what changed until then may be news to them.
LATE_SECONDS = 0.4
# A server that says more is read more slowly, until its own buffers are full: nobody here can use that much.
MESSAGES_PER_SECOND = 200

_NULL = Raw(b"null")
_PONG = {"result": Raw(b"{}")}
_DECLINED = {"error": Raw(b'{"code":-32601,"message":"Nobody here can be asked that."}')}

Hear = Callable[[Watch, Message], None]

log = structlog.get_logger()


class KeptWatch:
    """`settled` is set when all that is wanted is watched, or the last try to do so has failed."""

    def __init__(
        self,
        open_watch: Callable[[frozenset[str]], Watch],
        hear: Hear,
        began: Callable[[], None],
        missed: Callable[[frozenset[str]], None],
        wanted: frozenset[str],
    ) -> None:
        """`began`: from here on nothing is missed. `missed`: something may have been, also of these resources."""
        self._open_watch = open_watch
        self._hear = hear
        self._began = began
        self._missed = missed
        self.wanted = wanted
        self.settled = Event()
        self._covered: frozenset[str] | None = None
        self._watch: Watch | None = None
        self._reading: gevent.Greenlet | None = None
        self._wake = Event()
        self._is_closed = False
        self._keeping = spawn_forever(self._keep, _report)

    def want(self, uris: frozenset[str]) -> None:
        """From here on these resources are wanted, and no others."""
        self.wanted = uris
        if self._covered is None or not uris <= self._covered:
            self.settled.clear()
            self._wake.set()

    def close(self) -> gevent.Greenlet | None:
        """Whoever says farewell to the server, where there is a need to."""
        self._is_closed = True
        self._keeping.kill(block=False)
        return self._let_go()

    def _keep(self) -> None:
        rest = FIRST_REST_SECONDS
        is_late = False
        asked_at = clock.monotonic()
        while True:
            self._wake.clear()
            wanted = self.wanted
            try:
                watch = self._open_watch(wanted)
            except (
                UpstreamFault
            ):  # whichever it is, also that the server has no such stream: it may be another one soon
                self.settled.set()
                is_late = True
                gevent.sleep(rest)
                rest = min(rest * 2, LONGEST_REST_SECONDS)
                continue
            opened_at = clock.monotonic()
            is_first = self._covered is None
            has_gap = not is_first and self._watch is None
            self._replace(watch, wanted)
            if is_late or has_gap or opened_at - asked_at > LATE_SECONDS:
                self._missed(wanted)
            elif is_first:
                self._began()
            is_late = False
            while self._watch is watch and self.wanted <= wanted:
                self.settled.set()
                self._wake.wait()
                self._wake.clear()
            if self._watch is watch:
                gevent.sleep(max(0.0, opened_at + REARRANGE_SECONDS - clock.monotonic()))
            else:
                rest = FIRST_REST_SECONDS if clock.monotonic() - opened_at > STEADY_SECONDS else rest
                gevent.sleep(rest)
                rest = min(rest * 2, LONGEST_REST_SECONDS)
            asked_at = clock.monotonic()

    def _replace(self, watch: Watch, covered: frozenset[str]) -> None:
        if self._is_closed:  # in the very turn in which the watch was opened
            gevent.spawn(watch.close)
            return
        self._let_go()
        self._watch, self._covered = watch, covered
        self._reading = gevent.spawn(self._read, watch)

    def _let_go(self) -> gevent.Greenlet | None:
        reading, self._reading = self._reading, None
        watch, self._watch = self._watch, None
        if reading is not None:
            reading.kill(block=False)
        return None if watch is None else gevent.spawn(watch.close)  # a farewell to the server may take two seconds

    def _read(self, watch: Watch) -> None:
        since, count = clock.monotonic(), 0
        try:
            with suppress(UpstreamFault):  # it is opened again whatever ended it
                for message in watch.messages():
                    self._hear(watch, message)
                    count += 1
                    if count >= MESSAGES_PER_SECOND:
                        gevent.sleep(max(0.0, since + 1 - clock.monotonic()))
                        since, count = clock.monotonic(), 0
        finally:
            if self._watch is watch:
                self._reading = None
                self._let_go()
                self._wake.set()


def answer_alone(watch: Watch, message: Message) -> None:
    """A server asks where nobody is that could answer: say so at once, so that it goes on."""
    is_ping = bytes(message.get("method", _NULL)) == b'"ping"'
    gevent.spawn(answer, watch, message["id"], _PONG if is_ping else _DECLINED)


def answer(watch: Watch, request_id: Raw, outcome: Message) -> None:
    with suppress(UpstreamFault):  # the server asks again, or does without
        watch.answer(request_id, outcome)


def _report(fault: BaseException) -> None:
    log.error("a watch failed and begins anew", fault=repr(fault))
