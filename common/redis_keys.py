"""Every key that we keep in Redis, spelled in one place.

Rule: each key carries the version of its form, so that two releases can share one Redis, and, but for what belongs to
gateways as such, the shard of its workspace as a hash tag, so that a script touches one slot of a Redis Cluster only.
Keys hold the SHA-256 of a token, never the token.
"""

import hashlib
import zlib

SHARDS = 256


def shard(slug: str) -> int:
    return zlib.crc32(slug.encode()) % SHARDS


def token(slug: str, digest: bytes) -> str:
    """What is known of a token: `common/admission/records.py` has the form. Slug and digest: a token opens one URL."""
    return f"{_tag(shard(slug))}:token:{slug}:{digest.hex()}"


def workspace(slug: str) -> str:
    """What is known of a workspace: `common/admission/records.py` has the form."""
    return f"{_tag(shard(slug))}:workspace:{slug}"


def ring(slug: str, digest: bytes) -> str:
    """The times of a token's latest calls: `common/admission/scripts/ask.lua` has the form."""
    return f"{_tag(shard(slug))}:ring:{slug}:{digest.hex()}"


def mcp_session(slug: str, digest: bytes, session: str) -> str:
    """Hash of a client's MCP session, under its token's digest: what another token names so is not found.

    With the session '' this is how the keys of all that token's sessions begin.
    """
    return f"{_tag(shard(slug))}:mcp-session:{slug}:{digest.hex()}:{session}"


def upstream_session(slug: str, environment: str, definition: str, principal: str, capabilities: bytes) -> str:
    """A session of ours with a server, for one party: `gateway/mcp_sessions/upstream.py` has the form."""
    named = "\0".join((environment, definition, principal)).encode() + b"\0" + capabilities
    return f"{_tag(shard(slug))}:upstream-session:{slug}:{hashlib.sha256(named).hexdigest()}"


def notes(number: int, boot: str) -> str:
    """Hash of the calls that one gateway process has begun and not ended in one shard: call id → who called."""
    return f"{_tag(number)}:notes:{boot}"


def calls(number: int) -> str:
    """Stream of the records of ended calls."""
    return f"{_tag(number)}:calls"


def cuts(number: int) -> str:
    """Stream of what gateways must cut: tokens and workspaces that were closed."""
    return f"{_tag(number)}:cuts"


def gateways() -> str:
    """Sorted set of gateway processes by when they were last seen; a dead one stays until its notes are ended."""
    return "s1:gateways"


def gateway(boot: str) -> str:
    """Lease of one living gateway process."""
    return f"s1:gw:{boot}"


def signals() -> str:
    """Stream of what every gateway process is to hear of. One slot with the inboxes: they are read together."""
    return "s1:{signals}:all"


def inbox(boot: str) -> str:
    """Stream of what one gateway process is to hear of."""
    return f"s1:{{signals}}:to:{boot}"


def sign_in_attempts(kind: str, digest: str) -> str:
    """Count of attempts to sign in, by `address` or by `email`, each as its SHA-256. Belongs to no workspace."""
    return f"s1:sign-in:{kind}:{digest}"


def _tag(number: int) -> str:
    return f"s1:{{{number:03d}}}"
