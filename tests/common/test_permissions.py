"""The table of roles and permissions, cell by cell."""

import pytest

from common.permissions import AccountRole, Permission, WorkspaceRole, account_permissions, workspace_permissions

NOBODY = ""
READ, WRITE, ADMINISTER = "r", "rw", "rwa"
LETTERS = {Permission.READ: "r", Permission.WRITE: "w", Permission.ADMINISTER: "a"}


def spelled(permissions: frozenset[Permission]) -> str:
    return "".join(letter for permission, letter in LETTERS.items() if permission in permissions)


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        (AccountRole.OWNER, ADMINISTER),
        (AccountRole.ADMIN, ADMINISTER),
        (AccountRole.MEMBER, READ),
        (None, NOBODY),
    ],
)
def test_an_account_role_grants_on_the_account(role: AccountRole | None, expected: str):
    assert spelled(account_permissions(role)) == expected


@pytest.mark.parametrize(
    ("account_role", "workspace_role", "expected"),
    [
        (AccountRole.OWNER, None, ADMINISTER),
        (AccountRole.ADMIN, None, ADMINISTER),
        (AccountRole.ADMIN, WorkspaceRole.MEMBER, ADMINISTER),
        (AccountRole.MEMBER, None, NOBODY),
        (AccountRole.MEMBER, WorkspaceRole.ADMIN, ADMINISTER),
        (AccountRole.MEMBER, WorkspaceRole.WRITER, WRITE),
        (AccountRole.MEMBER, WorkspaceRole.MEMBER, READ),
        (None, WorkspaceRole.ADMIN, ADMINISTER),
        (None, WorkspaceRole.WRITER, WRITE),
        (None, WorkspaceRole.MEMBER, READ),
        (None, None, NOBODY),
    ],
)
def test_the_two_roles_together_grant_on_a_workspace(
    account_role: AccountRole | None, workspace_role: WorkspaceRole | None, expected: str
):
    assert spelled(workspace_permissions(account_role, workspace_role)) == expected
