"""Slugs: the permanent short name of a workspace in its gateway URL.

Rule: `[a-z0-9]+(-[a-z0-9]+)*`, at most 32 characters, never a reserved word. Pure; uniqueness is the database's.
"""

import re
import unicodedata

MAX_LENGTH = 32

RESERVED = frozenset(
    "about account accounts admin api app apps assets auth billing dashboard docs gateway healthz health help login "
    "logout mcp metrics new oauth portal readyz register root security settings sign-in sign-out sign-up signup stoa "
    "static status support system token tokens user users well-known workspace workspaces ws www".split()
)

_FORM = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_SEPARATORS = re.compile(r"[^a-z0-9]+")


def slug_from(name: str) -> str:
    """The slug that a name suggests: ASCII, hyphenated, cut to length; '' when no letter of it is usable.

    `Dev Tools` → `dev-tools`, `Café Ångström` → `cafe-angstrom`, an emoji → ``.
    """
    ascii_name = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    return _SEPARATORS.sub("-", ascii_name).strip("-")[:MAX_LENGTH].rstrip("-")


def with_suffix(slug: str, suffix: str) -> str:
    """`dev-tools`, `k3f9` → `dev-tools-k3f9`, the slug shortened where both would not fit."""
    return f"{slug[: MAX_LENGTH - len(suffix) - 1].rstrip('-')}-{suffix}"


def is_valid(slug: str) -> bool:
    """Whether the slug has the form of one; reserved words have it too."""
    return len(slug) <= MAX_LENGTH and _FORM.fullmatch(slug) is not None


def is_reserved(slug: str) -> bool:
    return slug in RESERVED
