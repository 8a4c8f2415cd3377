"""Permissions, and the one place where role names mean anything.

Rule: code asks for permissions, never for roles. Pure: no I/O, no clock, no settings.
"""

from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    READ = "read"
    WRITE = "write"
    ADMINISTER = "administer"


class AccountRole(StrEnum):
    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class WorkspaceRole(StrEnum):
    ADMIN = "admin"
    WRITER = "writer"
    MEMBER = "member"


Permissions = frozenset[Permission]

NONE: Permissions = frozenset()
READ: Permissions = frozenset({Permission.READ})
WRITE: Permissions = READ | {Permission.WRITE}
ADMINISTER: Permissions = WRITE | {Permission.ADMINISTER}

_OF_ACCOUNT_ROLE = MappingProxyType(
    {AccountRole.OWNER: ADMINISTER, AccountRole.ADMIN: ADMINISTER, AccountRole.MEMBER: READ}
)
_OF_WORKSPACE_ROLE = MappingProxyType(
    {WorkspaceRole.ADMIN: ADMINISTER, WorkspaceRole.WRITER: WRITE, WorkspaceRole.MEMBER: READ}
)


def account_permissions(role: AccountRole | None) -> Permissions:
    """What somebody with this role may do to the account itself."""
    return _OF_ACCOUNT_ROLE[role] if role is not None else NONE


def workspace_permissions(account_role: AccountRole | None, workspace_role: WorkspaceRole | None) -> Permissions:
    """What somebody may do to a workspace: all of the account's for those who administer it, else their grant."""
    if Permission.ADMINISTER in account_permissions(account_role):
        return ADMINISTER
    return _OF_WORKSPACE_ROLE[workspace_role] if workspace_role is not None else NONE
