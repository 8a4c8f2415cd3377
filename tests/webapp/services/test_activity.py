"""The activity is read by those who may, the newest first, with who did it and from where."""

import pytest

from common.errors import Forbidden, NotFound
from tests.cast import Cast
from webapp.services import activity, tokens


def test_a_workspaces_activity_tells_who_did_what(cast: Cast):
    with cast.acts(cast.bob) as ctx:
        ctx.address, ctx.request_id = "192.0.2.7", "r7"
        tokens.create_token(ctx, cast.workspace.id, name="Laptop")
    with cast.looks(cast.bob) as ctx:
        listed = activity.list_activity(ctx, workspace_id=cast.workspace.id)
    assert [entry.action for entry in listed] == ["token.create", "token.create", "workspace.create"]
    newest = listed[0]
    assert (newest.actor, newest.target, newest.address, newest.request_id) == (
        "bob@example.test", "Laptop", "192.0.2.7", "r7",
    )  # fmt: skip


def test_the_list_is_as_long_as_asked_for(cast: Cast):
    with cast.looks(cast.alice) as ctx:
        assert len(activity.list_activity(ctx, account_id=cast.acme.id, limit=2)) == 2


def test_an_accounts_activity_is_for_those_who_administer_it(cast: Cast):
    with cast.looks(cast.alice) as ctx:
        listed = activity.list_activity(ctx, account_id=cast.acme.id)
    assert [entry.action for entry in listed] == ["token.create", "workspace.create", "account.create"]
    with cast.looks(cast.bob) as ctx, pytest.raises(Forbidden):
        activity.list_activity(ctx, account_id=cast.acme.id)
    with cast.looks(cast.charlie) as ctx:
        with pytest.raises(NotFound):
            activity.list_activity(ctx, account_id=cast.acme.id)
        with pytest.raises(NotFound):
            activity.list_activity(ctx, workspace_id=cast.workspace.id)


def test_without_an_actor_it_was_the_operator(cast: Cast):
    with cast.resources.transaction(write=True) as ctx:
        entry = activity.record(ctx, cast.acme.id, "account.plan", target="Acme")
    assert (entry.actor, entry.actor_id) == ("operator", None)
