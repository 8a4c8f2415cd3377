"""A server: an upstream MCP server registered in a workspace.

Rule: what it needs to authenticate is kept sealed only; `tools` is the last good list, for people to read —
the gateway asks the server itself.
"""

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base
from common.models.columns import OwnedByWorkspace, enumerated

NAME_LENGTH = 80
PREFIX_LENGTH = 16
URL_LENGTH = 2048
CONNECT_TIMEOUT = 5
TIMEOUT = 60


class ServerAuth(StrEnum):
    NONE = "none"
    BEARER = "bearer"
    HEADERS = "headers"


class ServerSessions(StrEnum):
    """Who shares a session of a server that keeps sessions; never more than one environment of a workspace.

    Clients of MCP 2026-07-28 have no session of their own: under `client` they count as their token.
    """

    SHARED = "shared"
    TOKEN = "token"  # noqa: S105 — a word, no password
    CLIENT = "client"


class Server(OwnedByWorkspace, Base):
    """`credentials`: sealed JSON, a list of [header name, value]; the timeouts in seconds.

    `tools`: a list of {"name", "title", "description"}, cut where it is very long; `probe_error` None where the last
    probe succeeded.
    """

    __tablename__ = "servers"
    __table_args__ = (UniqueConstraint("workspace_id", "prefix"),)

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    prefix: Mapped[str] = mapped_column(String(PREFIX_LENGTH))
    url: Mapped[str] = mapped_column(String(URL_LENGTH))
    auth: Mapped[ServerAuth] = mapped_column(enumerated(ServerAuth))
    credentials: Mapped[bytes | None] = mapped_column(LargeBinary)
    enabled: Mapped[bool] = mapped_column(default=True)
    connect_timeout: Mapped[int] = mapped_column(default=CONNECT_TIMEOUT)
    timeout: Mapped[int] = mapped_column(default=TIMEOUT)
    # The database has the default as well: while a release rolls out, the one before it adds servers without it.
    sessions: Mapped[ServerSessions] = mapped_column(
        enumerated(ServerSessions), default=ServerSessions.SHARED, server_default=ServerSessions.SHARED.value
    )
    era: Mapped[str] = mapped_column(String(16))
    server_name: Mapped[str] = mapped_column(String(200))
    server_version: Mapped[str] = mapped_column(String(100))
    tools: Mapped[list[Any]]
    probed_at: Mapped[datetime]
    probe_error: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime]

    @property
    def seal_name(self) -> str:
        return self.seal_name_of(self.id)

    @staticmethod
    def seal_name_of(server_id: uuid.UUID) -> str:
        """The name that is bound into a server's sealed credentials, so that they open for that server only."""
        return f"server/{server_id.hex}"
