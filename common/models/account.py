"""An account: the organization that owns workspaces, a plan and people.

Rule: an account keeps at least one owner. It carries the head of its activity chain, which is written only
while this row is locked.
"""

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base
from common.models.columns import enumerated
from common.permissions import AccountRole

NAME_LENGTH = 80


class Account(Base):
    """`activity_key` is wrapped; `activity_head` authenticates the number and the content of the last entry."""

    __tablename__ = "accounts"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    plan: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime]
    activity_key: Mapped[bytes] = mapped_column(LargeBinary)
    activity_seq: Mapped[int] = mapped_column(default=0)
    activity_head: Mapped[bytes] = mapped_column(LargeBinary)


class AccountMember(Base):
    __tablename__ = "account_members"

    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[AccountRole] = mapped_column(enumerated(AccountRole))
    created_at: Mapped[datetime]
