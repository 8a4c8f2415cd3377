"""The list shows what one may read, in the order asked for, in a fixed number of queries."""

import pytest
from sqlalchemy import event

from common.errors import Invalid
from common.models import WorkspaceStatus
from common.permissions import Permission
from tests.cast import Cast
from webapp.services import accounts, workspace_lists, workspaces


@pytest.fixture
def many(cast: Cast) -> Cast:
    with cast.resources.transaction(write=True) as ctx:
        accounts.set_plan(ctx, cast.acme.id, "pro")
    for name in ("beta", "Alpha", "100%", "Gamma"):
        with cast.acts(cast.alice) as ctx:
            workspaces.create_workspace(ctx, cast.acme.id, name=name)
    return cast


def names(cast: Cast, actor, **how) -> list[str]:
    with cast.looks(actor) as ctx:
        return [entry.workspace.name for entry in workspace_lists.list_workspaces(ctx, **how).items]


def test_an_owner_sees_all_a_member_the_granted_a_stranger_none(many: Cast):
    assert names(many, many.alice) == ["100%", "Alpha", "beta", "Dev Tools", "Gamma"]
    assert names(many, many.bob) == ["Dev Tools"]
    assert names(many, many.charlie) == []


def test_an_entry_says_what_the_viewer_may_do_and_how_much_there_is(cast: Cast):
    with cast.looks(cast.bob) as ctx:
        (entry,) = workspace_lists.list_workspaces(ctx).items
    assert (entry.account_name, entry.servers, entry.permissions) == ("Acme", 0, {Permission.READ})


def test_the_list_is_filtered(many: Cast):
    assert names(many, many.alice, query="ALP") == ["Alpha"]
    assert names(many, many.alice, query="dev-to") == ["Dev Tools"]
    assert names(many, many.alice, query="%") == ["100%"]
    assert names(many, many.alice, query="_") == []
    assert names(many, many.alice, status=WorkspaceStatus.FROZEN) == []
    assert names(many, many.alice, account_id=many.charlie.id) == []


def test_the_list_is_sorted_by_each_of_its_columns(many: Cast):
    assert names(many, many.alice, sort="-name") == ["Gamma", "Dev Tools", "beta", "Alpha", "100%"]
    assert names(many, many.alice, sort="created")[0] == "Dev Tools"
    for column in ("slug", "status", "account", "servers"):
        assert len(names(many, many.alice, sort=column)) == 5
    with pytest.raises(Invalid):
        names(many, many.alice, sort="password")


def test_pages_cut_the_list_and_the_total_counts_all(many: Cast):
    with many.looks(many.alice) as ctx:
        page = workspace_lists.list_workspaces(ctx, page=2, per_page=2)
        assert ([entry.workspace.name for entry in page.items], page.total, page.pages) == (["beta", "Dev Tools"], 5, 3)
        beyond = workspace_lists.list_workspaces(ctx, page=9, per_page=2)
        assert (list(beyond.items), beyond.total) == ([], 5)


def test_the_number_of_queries_does_not_depend_on_the_length(many: Cast):
    counted = []

    def count(*arguments: object) -> None:
        counted.append(arguments)

    event.listen(many.resources.engine, "before_cursor_execute", count)
    lengths = {}
    for per_page in (1, 5):
        counted.clear()
        assert len(names(many, many.alice, per_page=per_page)) == per_page
        lengths[per_page] = len(counted)
    event.remove(many.resources.engine, "before_cursor_execute", count)
    assert lengths[1] == lengths[5] <= 3
