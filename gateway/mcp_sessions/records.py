"""What is remembered of a legacy client's session, and its form.

Rule: pure. The state comes back with admission's answer, so reading it costs no round trip. Only `log_level` ever
changes; what a client is subscribed to is kept beside the state, not in it.
"""

import re
from functools import lru_cache

import msgspec

_ID = re.compile(r"[0-9a-f]{32}")


class McpSession(msgspec.Struct, frozen=True, array_like=True):
    """What the client said when it initialized. `version`: the revision agreed on; `capabilities`: JSON, what it can
    be asked; `client`: its name, for records; `log_level`: '' until it sets one."""

    version: str
    capabilities: bytes
    client: str
    log_level: str = ""


def is_session_id(text: str) -> bool:
    """Whether we can have made it: anything else is an unknown session, and never part of a key."""
    return _ID.fullmatch(text) is not None


def render_session(session: McpSession) -> bytes:
    return msgspec.msgpack.encode(session)


@lru_cache(maxsize=8192)  # clients of one kind have the same state, and each of their requests brings it
def parse_session(state: bytes) -> McpSession:
    return msgspec.msgpack.decode(state, type=McpSession)
