"""An activity entry: who did what to what, when.

Rule: append-only; entries are written through `common.activity`, which chains them. They outlive what they tell of,
so nothing here is a foreign key but the account.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base

LABEL_LENGTH = 254


class Activity(Base):
    """`actor` and `target` are what a reader is shown; `actor_id` is None for the operator and the product itself."""

    __tablename__ = "activity"
    __table_args__ = (
        UniqueConstraint("account_id", "seq"),
        Index("ix_activity_workspace_id_seq", "workspace_id", "seq"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"))
    seq: Mapped[int]
    at: Mapped[datetime]
    actor_id: Mapped[uuid.UUID | None]
    actor: Mapped[str] = mapped_column(String(LABEL_LENGTH))
    action: Mapped[str] = mapped_column(String(64))
    workspace_id: Mapped[uuid.UUID | None]
    target_id: Mapped[uuid.UUID | None]
    target: Mapped[str] = mapped_column(String(LABEL_LENGTH))
    address: Mapped[str] = mapped_column(String(64))
    request_id: Mapped[str] = mapped_column(String(64))
    details: Mapped[dict[str, Any]]
    mac: Mapped[bytes] = mapped_column(LargeBinary(32))
