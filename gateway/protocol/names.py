"""Tool names as clients see them: `<prefix>__<tool>`, short and safe.

Rule: at most 40 characters of `[A-Za-z0-9_-]`, because clients put their own prefix in front and break above 60;
what is cut or replaced is told apart by a hash that never changes. Names are never parsed: routing uses a table.
A server without a prefix keeps its names whole, as long as the protocol allows them.
"""

import re
from hashlib import sha256

MAX_LENGTH = 40
_HASH_LENGTH = 6
_UNSAFE = re.compile(r"[^A-Za-z0-9_-]")
_ALLOWED = re.compile(r"[A-Za-z0-9_.-]{1,128}")


def render_name(prefix: str, name: str) -> str:
    """The name under which a server's tool or prompt is offered; the same for the same pair, always."""
    if not prefix and _ALLOWED.fullmatch(name):
        return name
    full = f"{prefix}__{name}" if prefix else name
    safe = _UNSAFE.sub("_", full)
    if safe == full and len(safe) <= MAX_LENGTH:
        return safe
    return shorten(safe, full)


def shorten(safe: str, full: str) -> str:
    """Cut a name to length and tell it apart by a hash of the full one."""
    digest = sha256(full.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    return f"{safe[: MAX_LENGTH - _HASH_LENGTH - 1]}_{digest}"
