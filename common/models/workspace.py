"""A workspace: the tenant boundary, its environments and its slug.

Rule: `version` is raised in the transaction of every change that the gateway must see. A slug, once claimed, is
never given to another workspace, also not after deletion: its claim outlives the workspace.
"""

import uuid
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from common.db import Base
from common.models.columns import OwnedByWorkspace, enumerated
from common.permissions import WorkspaceRole
from common.slugs import MAX_LENGTH as SLUG_LENGTH

NAME_LENGTH = 80
DESCRIPTION_LENGTH = 500
RATE_LIMIT = 120
EXECUTION_TIMEOUT = 60


class WorkspaceStatus(StrEnum):
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    FROZEN = "frozen"
    OFFBOARDING = "offboarding"
    DELETED = "deleted"


class EnvironmentName(StrEnum):
    DEV = "dev"
    STAGING = "staging"
    PROD = "prod"


class EnvironmentStatus(StrEnum):
    PROVISIONING = "provisioning"
    READY = "ready"
    FAILED = "failed"


class Workspace(Base):
    """`rate_limit` in requests per token and window; `execution_timeout` in seconds; `data_key` is wrapped."""

    __tablename__ = "workspaces"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("accounts.id"), index=True)
    slug: Mapped[str] = mapped_column(String(SLUG_LENGTH), unique=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    description: Mapped[str] = mapped_column(String(DESCRIPTION_LENGTH), default="")
    status: Mapped[WorkspaceStatus] = mapped_column(enumerated(WorkspaceStatus))
    region: Mapped[str] = mapped_column(String(32))
    tenancy: Mapped[str] = mapped_column(String(16), default="shared")
    rate_limit: Mapped[int] = mapped_column(default=RATE_LIMIT)
    execution_timeout: Mapped[int] = mapped_column(default=EXECUTION_TIMEOUT)
    version: Mapped[int] = mapped_column(default=1)
    data_key: Mapped[bytes] = mapped_column(LargeBinary)
    created_at: Mapped[datetime]


class SlugClaim(Base):
    """`workspace_id` is deliberately no foreign key: the claim stays when the workspace is destroyed."""

    __tablename__ = "slug_claims"

    slug: Mapped[str] = mapped_column(String(SLUG_LENGTH), primary_key=True)
    workspace_id: Mapped[uuid.UUID]


class Environment(OwnedByWorkspace, Base):
    __tablename__ = "environments"

    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    name: Mapped[EnvironmentName] = mapped_column(enumerated(EnvironmentName), primary_key=True)
    status: Mapped[EnvironmentStatus] = mapped_column(enumerated(EnvironmentStatus))
    created_at: Mapped[datetime]


class WorkspaceMember(OwnedByWorkspace, Base):
    __tablename__ = "workspace_members"

    workspace_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[WorkspaceRole] = mapped_column(enumerated(WorkspaceRole))
    created_at: Mapped[datetime]
