"""Who may do what, in the database as in the table of permissions."""

import itertools
import uuid

import pytest

from common.errors import Forbidden, NotFound, WorkspaceFrozen, WorkspaceOffboarding
from common.models import Workspace, WorkspaceStatus
from common.permissions import AccountRole, Permission, WorkspaceRole, account_permissions, workspace_permissions
from tests.cast import Cast, join
from webapp.services import access

ROLES = list(itertools.product([None, *AccountRole], [None, *WorkspaceRole]))


@pytest.mark.parametrize(("account_role", "workspace_role"), ROLES)
def test_each_pair_of_roles_gives_what_the_table_says_and_nothing_more(
    cast: Cast, account_role: AccountRole | None, workspace_role: WorkspaceRole | None
):
    with cast.session() as session:
        if account_role:
            join(session, cast.charlie, cast.acme, account_role)
        if workspace_role:
            join(session, cast.charlie, cast.workspace, workspace_role)
    places = (
        (access.require_account, cast.acme.id, account_permissions(account_role)),
        (access.require_workspace, cast.workspace.id, workspace_permissions(account_role, workspace_role)),
    )
    with cast.looks(cast.charlie) as ctx:
        for require, place_id, allowed in places:
            for permission in Permission:
                if permission in allowed:
                    assert require(ctx, place_id, permission).id == place_id
                else:
                    expected = Forbidden if Permission.READ in allowed else NotFound
                    with pytest.raises(expected):
                        require(ctx, place_id, permission)


def test_a_stranger_is_told_the_same_as_of_a_thing_that_does_not_exist(cast: Cast):
    told = []
    with cast.looks(cast.charlie) as ctx:
        for workspace_id in (cast.workspace.id, uuid.uuid4()):
            with pytest.raises(NotFound) as refusal:
                access.require_workspace(ctx, workspace_id, Permission.READ)
            told.append((refusal.value.code, refusal.value.message, refusal.value.details))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    ("status", "refusal"),
    [(WorkspaceStatus.FROZEN, WorkspaceFrozen), (WorkspaceStatus.OFFBOARDING, WorkspaceOffboarding)],
)
def test_a_workspace_that_is_not_open_can_be_read_and_not_written(cast: Cast, status, refusal):
    with cast.session() as session:
        session.get_one(Workspace, cast.workspace.id).status = status
    with cast.acts(cast.alice) as ctx:
        assert access.require_workspace(ctx, cast.workspace.id, Permission.READ).status is status
        with pytest.raises(refusal):
            access.require_writable(ctx, cast.workspace.id, Permission.WRITE)


def test_a_deleted_workspace_does_not_exist(cast: Cast):
    with cast.session() as session:
        session.get_one(Workspace, cast.workspace.id).status = WorkspaceStatus.DELETED
    with cast.looks(cast.alice) as ctx, pytest.raises(NotFound):
        access.require_workspace(ctx, cast.workspace.id, Permission.READ)
