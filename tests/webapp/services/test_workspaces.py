"""Workspaces are created within the plan, changed by those who may, and destroyed without a trace of their keys."""

import threading
from typing import Any

import pytest
from sqlalchemy import select

from common.errors import Forbidden, Invalid, NotFound, PlanLimitReached
from common.models import (
    Activity,
    Call,
    Environment,
    EnvironmentStatus,
    Server,
    SlugClaim,
    Token,
    Workspace,
    WorkspaceMember,
)
from common.permissions import WorkspaceRole
from tests.cast import Cast, join
from tests.threads import at_once
from webapp.services import accounts, workspaces


def create(cast: Cast, name: str = "My Dev Tools", **fields) -> Workspace:
    with cast.acts(cast.alice) as ctx:
        return workspaces.create_workspace(ctx, cast.acme.id, name=name, **fields)


def test_a_workspace_is_ready_when_it_has_been_created(cast: Cast):
    workspace = create(cast, " My Dev Tools ", description="GitHub + Linear")
    with cast.looks(cast.alice) as ctx:
        found = workspaces.get_workspace(ctx, workspace.id)
        assert (found.name, found.slug, found.description) == ("My Dev Tools", "my-dev-tools", "GitHub + Linear")
        assert (found.rate_limit, found.execution_timeout, found.region, found.version) == (120, 60, "local", 1)
        listed = [(one.name, one.status) for one in workspaces.list_environments(ctx, workspace.id)]
    assert listed == [(name, EnvironmentStatus.READY) for name in ("dev", "staging", "prod")]


def test_each_workspace_has_a_key_of_its_own(cast: Cast):
    keyring = cast.resources.keyring
    assert keyring.unwrap(create(cast, "One").data_key) != keyring.unwrap(create(cast, "Two").data_key)


def test_a_name_that_is_too_short_too_long_or_cannot_be_shown_is_refused(cast: Cast):
    for name in ("", " ", "x", " x ", "x" * 81, "two\nlines", "\u202egnirts"):
        with pytest.raises(Invalid) as refusal:
            create(cast, name)
        assert refusal.value.field == "name"


def test_other_fields_are_checked_too(cast: Cast):
    with pytest.raises(Invalid) as refusal:
        create(cast, description="d" * 501)
    assert refusal.value.field == "description"
    with pytest.raises(Invalid) as refusal:
        create(cast, region="moon")
    assert refusal.value.field == "region"


def test_at_the_limit_nothing_more_can_be_created(cast: Cast):
    create(cast, "Second")
    create(cast, "Third")
    with pytest.raises(PlanLimitReached) as refusal:
        create(cast, "Fourth")
    assert refusal.value.details == {"limit": "workspaces", "current": 3, "maximum": 3}


def test_of_twenty_at_once_at_two_of_three_exactly_one_is_created(cast: Cast):
    create(cast, "Second")
    outcomes: list[str] = []
    together = threading.Barrier(20)

    def try_to(_: int) -> None:
        together.wait()
        try:
            create(cast, "Third")
            outcomes.append("created")
        except PlanLimitReached:
            outcomes.append("refused")

    at_once(20, try_to)
    assert sorted(outcomes) == ["created"] + ["refused"] * 19
    with cast.looks(cast.alice) as ctx:
        assert accounts.usage(ctx, cast.acme.id).workspaces == 3


def test_only_those_who_administer_the_account_create_workspaces(cast: Cast):
    for actor, refusal in ((cast.bob, Forbidden), (cast.charlie, NotFound)):
        with cast.acts(actor) as ctx, pytest.raises(refusal):
            workspaces.create_workspace(ctx, cast.acme.id, name="Mine")


def test_what_changes_is_told_and_raises_the_version(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        changed = workspaces.update_workspace(
            ctx, cast.workspace.id, name="Tools", description="d", rate_limit=60, execution_timeout=300
        )
        assert (changed.name, changed.rate_limit, changed.execution_timeout, changed.version) == ("Tools", 60, 300, 2)
        assert changed.slug == "dev-tools"
        assert [closing.reason for closing in ctx.closings] == ["limit lowered"]
    with cast.session() as session:
        told = session.scalars(select(Activity).order_by(Activity.at.desc(), Activity.seq.desc())).first()
        assert told is not None
        assert (told.action, told.actor, told.details["rate_limit"]) == ("workspace.update", "alice@example.test", 60)


def test_a_raised_limit_opens_and_what_is_the_same_changes_nothing(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        workspaces.update_workspace(ctx, cast.workspace.id, rate_limit=60)
    with cast.acts(cast.alice) as ctx:
        workspaces.update_workspace(ctx, cast.workspace.id, rate_limit=61)
        assert (len(ctx.openings), len(ctx.closings)) == (1, 0)
    with cast.acts(cast.alice) as ctx:
        same = workspaces.update_workspace(ctx, cast.workspace.id, name="Dev Tools", rate_limit=61)
        assert (same.version, ctx.openings, ctx.closings) == (3, [], [])


def test_a_setting_out_of_range_is_refused(cast: Cast):
    wrong: dict[str, tuple[Any, ...]] = {"rate_limit": (0, 121, True), "execution_timeout": (0, 301), "name": ("x",)}
    for field, values in wrong.items():
        for value in values:
            with cast.acts(cast.alice) as ctx, pytest.raises(Invalid) as refusal:
                workspaces.update_workspace(ctx, cast.workspace.id, **{field: value})
            assert refusal.value.field == field


def test_a_writer_may_not_change_settings_nor_delete(cast: Cast):
    with cast.session() as session:
        join(session, cast.bob, cast.workspace, WorkspaceRole.WRITER)
    with cast.acts(cast.bob) as ctx:
        with pytest.raises(Forbidden):
            workspaces.update_workspace(ctx, cast.workspace.id, name="Bob's")
        with pytest.raises(Forbidden):
            workspaces.delete_workspace(ctx, cast.workspace.id, typed_slug="dev-tools")


def test_a_deleted_workspace_leaves_its_claim_and_a_receipt_and_nothing_else(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        gone = workspaces.delete_workspace(ctx, cast.workspace.id, typed_slug="dev-tools")
        assert [closing.kind for closing in ctx.closings] == ["workspace"]
    assert gone.counts == {"servers": 0, "tokens": 1, "members": 2, "environments": 3, "calls": 0}
    assert ctx.receipt is not None
    with cast.session() as session:
        for model in (Workspace, Token, Server, Environment, WorkspaceMember, Call):
            assert session.scalars(select(model)).all() == []
        assert session.get_one(SlugClaim, "dev-tools").workspace_id == cast.workspace.id
        told = session.scalars(select(Activity).where(Activity.action == "workspace.delete")).one()
        assert told.details["destroyed"] == gone.counts
    assert create(cast, "Dev Tools").slug.startswith("dev-tools-")


def test_a_workspace_is_not_deleted_without_its_slug(cast: Cast):
    for typed in ("", "dev", "Dev Tools", "DEV-TOOLS"):
        with cast.acts(cast.alice) as ctx, pytest.raises(Invalid):
            workspaces.delete_workspace(ctx, cast.workspace.id, typed_slug=typed)


def test_a_stranger_deletes_nothing(cast: Cast):
    with cast.acts(cast.charlie) as ctx, pytest.raises(NotFound):
        workspaces.delete_workspace(ctx, cast.workspace.id, typed_slug="dev-tools")
