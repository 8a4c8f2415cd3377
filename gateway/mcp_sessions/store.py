"""The sessions of legacy clients, in Redis.

Rule: found only under the token that began them; nothing revives one that has ended or expired. That a session is in
use is noted by admission's question, so nothing here prolongs it. Every method may be repeated, and raises Unavailable
when Redis does not answer.
"""

import secrets
from pathlib import Path
from typing import Any

import msgspec
from redis import Redis

from common import redis_keys
from common.admission.line import Command, send_twice
from common.admission.records import SESSION_MS
from gateway.mcp_sessions.records import McpSession, parse_session, render_session

# More than a client shows at once; each is told of changes, and kept for as long as the session.
MAX_SUBSCRIPTIONS = 256

_STATE = "state"  # ask.lua reads this field
_URI = "uri "
_FULL = 2  # numbered as in write.lua
_SCRIPTS = Path(__file__).parent / "scripts"


class TooManySubscriptions(Exception):
    """The session follows as many resources as it may."""


class McpSessions:
    def __init__(self, client: Redis) -> None:
        self._client = client
        self._begin, self._write = ((_SCRIPTS / f"{name}.lua").read_text() for name in ("begin", "write"))

    def begin(self, slug: str, digest: bytes, session: McpSession) -> str:
        """The new session's id: 128 random bits in 32 hex digits."""
        id = secrets.token_hex(16)
        key = redis_keys.mcp_session(slug, digest, id)
        self._send(("EVAL", self._begin, 1, key, render_session(session), SESSION_MS))
        return id

    def end(self, slug: str, digest: bytes, id: str) -> bool:
        """False when there was no such session."""
        return self._send(("DEL", redis_keys.mcp_session(slug, digest, id))) == [1]

    def set_level(self, slug: str, digest: bytes, id: str, level: str) -> bool:
        """False when there is no such session."""
        (state,) = self._send(("HGET", redis_keys.mcp_session(slug, digest, id), _STATE))
        if state is None:
            return False
        session = msgspec.structs.replace(parse_session(state), log_level=level)
        return self._write_field(slug, digest, id, _STATE, render_session(session))

    def subscribe(self, slug: str, digest: bytes, id: str, uri: str) -> bool:
        """False when there is no such session; raises TooManySubscriptions."""
        return self._write_field(slug, digest, id, _URI + uri, b"")

    def unsubscribe(self, slug: str, digest: bytes, id: str, uri: str) -> bool:
        """False when there is no such session; what it did not follow is not followed afterwards either."""
        key = redis_keys.mcp_session(slug, digest, id)
        lives, _ = self._send(("EXISTS", key), ("HDEL", key, _URI + uri))
        return lives == 1

    def subscriptions(self, slug: str, digest: bytes, id: str) -> frozenset[str]:
        """The URIs that the session follows; none when there is no such session."""
        (fields,) = self._send(("HKEYS", redis_keys.mcp_session(slug, digest, id)))
        names = (field.decode() for field in fields)
        return frozenset(name.removeprefix(_URI) for name in names if name.startswith(_URI))

    def _write_field(self, slug: str, digest: bytes, id: str, field: str, value: bytes) -> bool:
        key = redis_keys.mcp_session(slug, digest, id)
        (written,) = self._send(("EVAL", self._write, 1, key, field, value, MAX_SUBSCRIPTIONS + 1))
        if written == _FULL:
            raise TooManySubscriptions
        return written == 1

    def _send(self, *commands: Command) -> list[Any]:
        return send_twice(self._client, commands, "Sessions cannot be reached. Try again in a moment.")
