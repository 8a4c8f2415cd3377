"""A slug belongs to one workspace for ever."""

import re

import pytest

from common import ids, slugs
from common.models import Workspace
from tests.cast import Cast
from tests.threads import at_once
from webapp.services import accounts, slug_claims, workspaces


def claim(cast: Cast, name: str) -> str:
    with cast.acts(cast.alice) as ctx:
        return slug_claims.claim_slug(ctx, name, ids.new_id())


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Tools", r"tools"),
        ("Café Ångström", r"cafe-angstrom"),
        ("Dev Tools", r"dev-tools-[b-z2-9]{4}"),
        ("Admin", r"admin-[b-z2-9]{4}"),
        ("😀🎉", r"workspace-[b-z2-9]{4}"),
        ("日本語", r"workspace-[b-z2-9]{4}"),
        ("x" * 80, r"x{32}"),
    ],
)
def test_the_slug_comes_from_the_name_or_gets_a_suffix(cast: Cast, name: str, form: str):
    assert re.fullmatch(form, claim(cast, name))


def test_the_same_name_gets_ever_new_slugs(cast: Cast):
    claimed = [claim(cast, "x" * 80) for _ in range(20)]
    assert len(set(claimed)) == 20
    assert all(slugs.is_valid(slug) and not slugs.is_reserved(slug) for slug in claimed)


def test_those_who_create_the_same_name_at_once_all_get_a_slug(cast: Cast):
    with cast.resources.transaction(write=True) as ctx:
        accounts.set_plan(ctx, cast.acme.id, "pro")
    created: list[Workspace] = []

    def create(_: int) -> None:
        with cast.acts(cast.alice) as ctx:
            created.append(workspaces.create_workspace(ctx, cast.acme.id, name="Same"))

    at_once(6, create)
    assert len({workspace.slug for workspace in created}) == 6
    assert "same" in {workspace.slug for workspace in created}
