"""Accounts: who sees them, who may change them, and how full they are."""

import pytest

from common.errors import Forbidden, Invalid, NotFound
from common.permissions import AccountRole, Permission
from tests.cast import Cast, join
from webapp.services import accounts, workspaces


def test_a_user_lists_the_accounts_that_they_belong_to(cast: Cast):
    with cast.acts(cast.bob) as ctx:
        accounts.create_account(ctx, name="bob's")
    with cast.looks(cast.bob) as ctx:
        entries = accounts.list_accounts(ctx)
    listed = [(one.account.name, Permission.ADMINISTER in one.permissions, one.workspaces) for one in entries]
    assert listed == [("Acme", False, 1), ("bob's", True, 0)]


def test_those_that_a_user_administers_are_listed_whoever_asks(cast: Cast):
    with cast.acts(cast.bob) as ctx:
        accounts.create_account(ctx, name="bob's")
    with cast.resources.transaction(write=False) as ctx:
        assert [entry.account.name for entry in accounts.list_administered(ctx, cast.bob)] == ["bob's"]
        assert [entry.account.name for entry in accounts.list_administered(ctx, cast.alice)] == ["Acme"]


def test_a_stranger_finds_no_account(cast: Cast):
    with cast.looks(cast.charlie) as ctx, pytest.raises(NotFound):
        accounts.usage(ctx, cast.acme.id)


def test_an_owner_renames_an_account_and_a_member_may_not(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        assert accounts.rename_account(ctx, cast.acme.id, name="Acme Ltd").name == "Acme Ltd"
    with cast.acts(cast.bob) as ctx, pytest.raises(Forbidden):
        accounts.rename_account(ctx, cast.acme.id, name="Bob Ltd")
    with cast.acts(cast.charlie) as ctx, pytest.raises(NotFound):
        accounts.rename_account(ctx, cast.acme.id, name="Charlie Ltd")


def test_usage_says_how_much_of_the_plan_is_taken(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        workspaces.create_workspace(ctx, cast.acme.id, name="Second")
        usage = accounts.usage(ctx, cast.acme.id)
    assert (usage.plan.name, usage.workspaces, usage.members) == ("free", 2, 2)


def test_the_operator_changes_the_plan_and_a_lower_one_deletes_nothing(cast: Cast):
    with cast.resources.transaction(write=True) as ctx:
        accounts.set_plan(ctx, cast.acme.id, "pro")
    for number in range(4):
        with cast.acts(cast.alice) as ctx:
            workspaces.create_workspace(ctx, cast.acme.id, name=f"Number {number}")
    with cast.resources.transaction(write=True) as ctx:
        accounts.set_plan(ctx, cast.acme.id, "free")
        with pytest.raises(Invalid):
            accounts.set_plan(ctx, cast.acme.id, "platinum")
        with pytest.raises(NotFound):
            accounts.set_plan(ctx, cast.alice.id, "pro")
    with cast.looks(cast.alice) as ctx:
        assert accounts.usage(ctx, cast.acme.id).workspaces == 5


def test_an_admin_may_do_what_an_owner_may_to_workspaces(cast: Cast):
    with cast.session() as session:
        join(session, cast.bob, cast.acme, AccountRole.ADMIN)
    with cast.acts(cast.bob) as ctx:
        assert workspaces.create_workspace(ctx, cast.acme.id, name="Bob's").account_id == cast.acme.id
