"""The models: one aggregate a file; importing this names them all."""

from common.models.account import Account, AccountMember
from common.models.activity import Activity
from common.models.call import Call
from common.models.outbox import OutboxMessage
from common.models.server import Server, ServerAuth, ServerSessions
from common.models.token import Token
from common.models.user import User
from common.models.workspace import (
    Environment,
    EnvironmentName,
    EnvironmentStatus,
    SlugClaim,
    Workspace,
    WorkspaceMember,
    WorkspaceStatus,
)

__all__ = [
    "Account",
    "AccountMember",
    "Activity",
    "Call",
    "Environment",
    "EnvironmentName",
    "EnvironmentStatus",
    "OutboxMessage",
    "Server",
    "ServerAuth",
    "ServerSessions",
    "SlugClaim",
    "Token",
    "User",
    "Workspace",
    "WorkspaceMember",
    "WorkspaceStatus",
]
