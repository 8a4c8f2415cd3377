"""An outbox message: work that must follow the commit it came with.

Rule: a message carries ids and words only, never a secret; whoever does its work may do it twice.
"""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base


class OutboxMessage(Base):
    """`due_at`: nobody takes it earlier; a claim moves it on, which is the claim's lease."""

    __tablename__ = "outbox"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int] = mapped_column(default=0)
    last_error: Mapped[str | None] = mapped_column(Text)
