"""Our sessions with legacy servers, in Redis, shared by all processes.

Rule: of two that are opened at once one is kept, and both processes use it. Without Redis nothing is stored, and
nothing fails: each process then opens sessions of its own. An id tells a server who we are: it is never logged.
"""

from pathlib import Path
from typing import Any, NamedTuple

import structlog
from redis import Redis

from common import redis_keys
from common.admission.line import send_twice
from common.errors import Unavailable
from upstream.parties import Kept, Party

# A server has long ended what nobody has used for an hour; one that has not is told by whoever ends it here.
KEPT_MS = 3600 * 1000

_SCRIPTS = Path(__file__).parent / "scripts"

log = structlog.get_logger()


class _Scripts(NamedTuple):
    keep: str
    drop: str


class SessionStores:
    """Makes the store of each upstream; one per process."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._scripts = _Scripts(*((_SCRIPTS / f"{name}.lua").read_text() for name in _Scripts._fields))

    def make(self, slug: str, environment: str, definition: str) -> "StoredSessions":
        return StoredSessions(self._client, self._scripts, slug, environment, definition)


class StoredSessions:
    """The `SessionStore` of one server in one environment of a workspace."""

    def __init__(self, client: Redis, scripts: _Scripts, slug: str, environment: str, definition: str) -> None:
        self._client = client
        self._scripts = scripts
        self._slug, self._environment, self._definition = slug, environment, definition

    def find(self, party: Party) -> Kept | None:
        stored = self._send("GET", self._key(party))
        return _parse(stored) if stored else None

    def keep(self, party: Party, kept: Kept, instead_of: str | None) -> Kept:
        """Store it, or return what another process has stored since `instead_of` (None: since there was nothing)."""
        stored = self._send("EVAL", self._scripts.keep, 1, self._key(party), instead_of or "", _render(kept), KEPT_MS)
        return _parse(stored) if stored else kept

    def drop(self, party: Party, session_id: str, unused_for: float = 0.0) -> bool:
        """Whether it was forgotten here: then it is the caller's alone, to end it."""
        left_ms = KEPT_MS - round(unused_for * 1000)
        return self._send("EVAL", self._scripts.drop, 1, self._key(party), session_id, left_ms) == 1

    def touch(self, party: Party) -> None:
        self._send("PEXPIRE", self._key(party), KEPT_MS)

    def _key(self, party: Party) -> str:
        return redis_keys.upstream_session(self._slug, self._environment, self._definition, *party)

    def _send(self, *command: Any) -> Any:
        """None where Redis does not answer."""
        try:
            return send_twice(self._client, [command], "Sessions cannot be reached.")[0]
        except Unavailable as fault:
            log.warning("a session with a server is not shared with other processes", fault=repr(fault.__cause__))
            return None


def _render(kept: Kept) -> bytes:
    return f"{kept.session_id} ".encode() + kept.opened


def _parse(stored: bytes) -> Kept:
    session_id, _, opened = stored.partition(b" ")
    return Kept(session_id.decode(), opened)
