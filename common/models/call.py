"""A call: the record of one request that took a place.

Rule: inserted once per call id; also one that was refused, but for 401 and 429. No foreign keys: the log is written
in bulk and is pruned by age.
"""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base

ID_LENGTH = 64


class Call(Base):
    """Durations in microseconds, sizes in bytes. `outcome`: ok, tool_error, upstream_error, refused, cut, interrupted.

    `decision` says why it was refused, cut or failed; `admitted` where there is nothing to say.
    """

    __tablename__ = "calls"
    __table_args__ = (Index("ix_calls_workspace_id_at", "workspace_id", "at"),)

    id: Mapped[str] = mapped_column(String(ID_LENGTH), primary_key=True)
    at: Mapped[datetime]
    workspace_id: Mapped[uuid.UUID]
    environment: Mapped[str] = mapped_column(String(16))
    token_id: Mapped[uuid.UUID]
    member_id: Mapped[uuid.UUID | None]
    server_id: Mapped[uuid.UUID | None]
    tool: Mapped[str] = mapped_column(String(128))
    method: Mapped[str] = mapped_column(String(64))
    outcome: Mapped[str] = mapped_column(String(16))
    decision: Mapped[str] = mapped_column(String(32))
    duration_us: Mapped[int] = mapped_column(BigInteger)
    upstream_us: Mapped[int] = mapped_column(BigInteger)
    request_bytes: Mapped[int] = mapped_column(BigInteger)
    response_bytes: Mapped[int] = mapped_column(BigInteger)
    client: Mapped[str] = mapped_column(String(100))
    protocol: Mapped[str] = mapped_column(String(16))
