"""Parties: for whom a legacy server keeps a session of ours.

Rule: one session per party, which declares exactly that party's capabilities, so that callers of
different abilities never share one. What a store fails at counts as not stored: no call fails by it.
"""

from typing import NamedTuple, Protocol


class Party(NamedTuple):
    """`principal`: "" is shared by all; `capabilities`: canonical JSON of what its client can do."""

    principal: str = ""
    capabilities: bytes = b"{}"


NOBODY = Party()


class Kept(NamedTuple):
    """An open session as any process can go on with it; `opened` is for this package alone to read."""

    session_id: str
    opened: bytes


class SessionStore(Protocol):
    """Where the processes that speak to one server for one workspace share its sessions. Never raises."""

    def find(self, party: Party) -> Kept | None: ...

    def keep(self, party: Party, kept: Kept, instead_of: str | None) -> Kept:
        """Store it where nothing is, or only the session `instead_of`; returns what is stored now.

        Atomic: when another process has stored one meanwhile, that one stays and is returned.
        """
        ...

    def drop(self, party: Party, session_id: str, unused_for: float = 0.0) -> bool:
        """Remove it if it is still this session and no process has kept or touched it for so many seconds.

        Whether it was removed: then the caller may end it, and nobody else goes on with it.
        """
        ...

    def touch(self, party: Party) -> None:
        """It is in use: keep it for longer."""
        ...
