"""Columns that several models share.

Rule: whatever belongs to a workspace says so through `OwnedByWorkspace`, and is queried through `owned_by`.
"""

import uuid
from enum import StrEnum
from typing import Self

from sqlalchemy import Enum, ForeignKey, Select, select
from sqlalchemy.orm import Mapped, mapped_column


class OwnedByWorkspace:
    """A row of one workspace; nothing crosses from one workspace to another."""

    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id"), index=True)

    @classmethod
    def owned_by(cls, workspace_id: uuid.UUID) -> Select[Self]:
        """A query that can only find rows of this workspace."""
        return select(cls).where(cls.workspace_id == workspace_id)


def enumerated(kind: type[StrEnum]) -> Enum:
    """A column type that stores the words of a StrEnum as plain text, so that a new word needs no migration."""
    return Enum(kind, native_enum=False, length=16, values_callable=lambda words: [word.value for word in words])
