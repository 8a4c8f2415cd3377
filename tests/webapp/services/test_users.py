"""People sign up, sign in, and change their password; nobody learns who has signed up by signing in."""

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from common.errors import Conflict, Invalid, NotFound, SignInRefused
from common.models import User
from common.permissions import Permission
from tests.cast import PASSWORD, Cast
from tests.threads import at_once
from webapp.resources import Resources
from webapp.services import accounts, users


def sign_up(resources: Resources, **changes: str) -> User:
    fields = {"email": "erin@example.test", "name": "Erin", "password": PASSWORD, **changes}
    with resources.transaction(write=True) as ctx:
        return users.sign_up(ctx, **fields)


def test_who_signs_up_can_sign_in_and_owns_an_account(resources: Resources):
    erin = sign_up(resources, email=" Erin@Example.TEST ")
    with resources.transaction(write=False) as ctx:
        assert users.sign_in(ctx, email="ERIN@example.test", password=PASSWORD).id == erin.id
    with resources.transaction(write=False, actor=erin) as ctx:
        (entry,) = accounts.list_accounts(ctx)
        assert entry.account.name == "Erin"
        assert Permission.ADMINISTER in entry.permissions
    assert PASSWORD not in erin.password_hash


def test_an_address_signs_up_once_however_it_is_written(resources: Resources):
    sign_up(resources)
    for email in ("erin@example.test", "ERIN@EXAMPLE.TEST", " erin@example.test"):
        with pytest.raises(Conflict) as refusal:
            sign_up(resources, email=email)
        assert refusal.value.field == "email"


def test_of_two_who_sign_up_with_one_address_at_once_one_does(resources: Resources):
    outcomes: list[str] = []

    def try_to(_: int) -> None:
        try:
            sign_up(resources)
            outcomes.append("signed up")
        except Conflict:
            outcomes.append("refused")

    at_once(4, try_to)
    assert sorted(outcomes) == ["refused"] * 3 + ["signed up"]


def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(resources: Resources):
    for field, value in (
        ("email", ""),
        ("email", "erin"),
        ("email", "erin@"),
        ("email", "a b@example.test"),
        ("email", f"{'e' * 300}@example.test"),
        ("name", "  "),
        ("name", "E" * 81),
        ("name", "Er\0in"),
        ("password", "short"),
        ("password", "p" * 201),
    ):
        with pytest.raises(Invalid) as refusal:
            sign_up(resources, **{field: value})
        assert refusal.value.field == field
    with Session(resources.engine) as session:
        assert session.scalar(select(func.count()).select_from(User)) == 0


def test_a_refused_sign_in_does_not_say_what_was_wrong(cast: Cast):
    wrong = [("alice@example.test", "wrong password"), ("nobody@example.test", PASSWORD), ("no address", ""), ("", "")]
    for email, password in wrong:
        with cast.resources.transaction(write=False) as ctx, pytest.raises(SignInRefused) as refusal:
            users.sign_in(ctx, email=email, password=password)
        assert refusal.value.message == "This address and password do not belong together."
        assert refusal.value.details == {}


def test_a_changed_password_ends_every_earlier_session(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        alice = users.change_password(ctx, current=PASSWORD, new="another horse battery")
    with cast.session() as session:
        assert users.find_session_user(session, alice.id, 1) is None
        assert users.find_session_user(session, alice.id, alice.session_epoch) is not None
    with cast.resources.transaction(write=False) as ctx:
        assert users.sign_in(ctx, email=alice.email, password="another horse battery").id == alice.id
        with pytest.raises(SignInRefused):
            users.sign_in(ctx, email=alice.email, password=PASSWORD)


@pytest.mark.parametrize(("current", "new", "field"), [("wrong", "p" * 10, "current"), (PASSWORD, "short", "new")])
def test_a_password_is_not_changed_without_the_old_one_or_for_a_short_one(
    cast: Cast, current: str, new: str, field: str
):
    with cast.acts(cast.alice) as ctx, pytest.raises(Invalid) as refusal:
        users.change_password(ctx, current=current, new=new)
    assert refusal.value.field == field


def test_the_operator_sets_a_password_without_the_old_one(cast: Cast):
    with cast.resources.transaction(write=True) as ctx:
        users.set_password(ctx, email="Bob@example.test", password="a fresh password")
        with pytest.raises(NotFound):
            users.set_password(ctx, email="nobody@example.test", password="a fresh password")
    with cast.resources.transaction(write=False) as ctx:
        assert users.sign_in(ctx, email="bob@example.test", password="a fresh password").session_epoch == 2


def test_a_user_changes_their_name(cast: Cast):
    with cast.acts(cast.bob) as ctx:
        assert users.rename_user(ctx, name=" Robert ").name == "Robert"
