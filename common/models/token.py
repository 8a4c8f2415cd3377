"""A token: the `mwt_…` credential for the gateway.

Rule: only its SHA-256 and first characters are kept. A revoked or expired one stays in the list, for audit.
"""

import uuid
from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base
from common.models.columns import OwnedByWorkspace, enumerated
from common.models.workspace import EnvironmentName

NAME_LENGTH = 80


class Token(OwnedByWorkspace, Base):
    """`member_id` is the user who owns it, None for a bot; `rate_limit` None means the workspace's."""

    __tablename__ = "tokens"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    environment: Mapped[EnvironmentName] = mapped_column(enumerated(EnvironmentName))
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    member_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"), index=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    display: Mapped[str] = mapped_column(String(16))
    rate_limit: Mapped[int | None]
    expires_at: Mapped[datetime | None]
    created_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id"))
    created_at: Mapped[datetime]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    calls: Mapped[int] = mapped_column(BigInteger, default=0)

    def is_active(self, now: datetime) -> bool:
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)
