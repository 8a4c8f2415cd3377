"""A user: a person who signs in.

Rule: the e-mail address is stored normalized and in lower case; the password only as its argon2 hash.
"""

import uuid
from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base

EMAIL_LENGTH = 254  # RFC 5321 §4.5.3.1.3: a path of 256 octets, two of them angle brackets.
NAME_LENGTH = 80


class User(Base):
    """`session_epoch` is raised to end every session that was signed in under an earlier one."""

    __tablename__ = "users"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(EMAIL_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    password_hash: Mapped[str] = mapped_column(String(255))
    session_epoch: Mapped[int] = mapped_column(default=1)
    created_at: Mapped[datetime]
