"""The operator's commands do what they say, and say it in one line."""

import json
from pathlib import Path

import pytest
from click.testing import Result
from flask import Flask
from sqlalchemy import delete

from common.errors import SignInRefused
from common.models import Activity
from tests.cast import PASSWORD, Cast
from webapp.operator import operator
from webapp.resources import Resources
from webapp.services import accounts, users


@pytest.fixture
def app(resources: Resources) -> Flask:
    """An application with nothing but the commands and what they work with."""
    app = Flask("operator-under-test")
    app.extensions["stoa"] = resources
    app.cli.add_command(operator)
    return app


def run(app: Flask, *words: str, text: str = "") -> Result:
    return app.test_cli_runner().invoke(args=["operator", *words], input=text)


def test_a_plan_is_set_for_an_account_by_id_or_by_its_owner(app: Flask, cast: Cast):
    by_id = run(app, "set-plan", str(cast.acme.id), "pro")
    assert (by_id.exit_code, "Acme" in by_id.output) == (0, True)
    assert run(app, "set-plan", "charlie@example.test", "starter").exit_code == 0
    with cast.looks(cast.alice) as ctx:
        assert accounts.usage(ctx, cast.acme.id).plan.name == "pro"


def test_a_plan_is_not_set_for_nobody_nor_to_nothing(app: Flask, cast: Cast):
    for account, plan, words in (
        ("nobody@example.test", "pro", "no user"),
        (str(cast.alice.id), "pro", "nothing here"),
        (str(cast.acme.id), "platinum", "platinum"),
        ("bob@example.test", "pro", "0 accounts"),
    ):
        result = run(app, "set-plan", account, plan)
        assert result.exit_code != 0
        assert words in result.output
        assert "Traceback" not in result.output


def test_a_user_is_created_and_the_password_is_not_shown(app: Flask, cast: Cast):
    result = run(app, "create-user", "erin@example.test", "Erin", "--stdin", text=f"{PASSWORD}\n")
    assert (result.exit_code, result.output) == (0, "erin@example.test can sign in now.\n")
    asked = run(app, "create-user", "fred@example.test", "Fred", text=f"{PASSWORD}\n{PASSWORD}\n")
    assert (asked.exit_code, PASSWORD in asked.output) == (0, False)
    twice = run(app, "create-user", "erin@example.test", "Erin", "--stdin", text=f"{PASSWORD}\n")
    assert twice.exit_code == 1
    with cast.resources.transaction(write=False) as ctx:
        assert users.sign_in(ctx, email="erin@example.test", password=PASSWORD).name == "Erin"


def test_a_password_is_set_and_every_session_of_the_user_ends(app: Flask, cast: Cast):
    result = run(app, "set-password", "Bob@example.test", "--stdin", text="a fresh password\n")
    assert (result.exit_code, result.output) == (
        0,
        "bob@example.test has a new password now, and is signed out everywhere.\n",
    )
    with cast.resources.transaction(write=False) as ctx:
        bob = users.sign_in(ctx, email="bob@example.test", password="a fresh password")
        assert users.find_session_user(ctx.session, bob.id, cast.bob.session_epoch) is None
        with pytest.raises(SignInRefused):
            users.sign_in(ctx, email="bob@example.test", password=PASSWORD)


def test_a_password_is_asked_for_twice_and_not_shown(app: Flask, cast: Cast):
    asked = run(app, "set-password", "bob@example.test", text="a fresh password\nanother one\n" + "a third one\n" * 2)
    assert (asked.exit_code, asked.output.count("Repeat for confirmation")) == (0, 2)
    assert "a third one" not in asked.output
    with cast.resources.transaction(write=False) as ctx:
        assert users.sign_in(ctx, email="bob@example.test", password="a third one").id == cast.bob.id


def test_a_password_is_not_set_for_nobody_nor_to_a_short_one(app: Flask, cast: Cast):
    for email, password, words in (
        ("nobody@example.test", "a fresh password", "There is no user nobody@example.test."),
        ("no address", "a fresh password", "not an e-mail address"),
        ("bob@example.test", "short", "10 to 200 characters"),
        ("bob@example.test", "", "10 to 200 characters"),
    ):
        result = run(app, "set-password", email, "--stdin", text=f"{password}\n")
        assert (result.exit_code, words in result.output) == (1, True), result.output
    with cast.resources.transaction(write=False) as ctx:
        assert users.sign_in(ctx, email="bob@example.test", password=PASSWORD).session_epoch == cast.bob.session_epoch


def test_a_broken_chain_is_named_and_makes_the_command_fail(app: Flask, cast: Cast):
    whole = run(app, "verify-activity")
    assert (whole.exit_code, whole.output.count("whole")) == (0, 2)
    with cast.session() as session:
        session.execute(delete(Activity).where(Activity.account_id == cast.acme.id, Activity.seq == 3))
    broken = run(app, "verify-activity")
    assert broken.exit_code == 1
    assert f"Acme ({cast.acme.id}): broken at entry 3" in broken.output
    assert run(app, "verify-activity", "charlie@example.test").exit_code == 0


def test_the_demo_prints_what_it_keeps(app: Flask, tmp_path: Path):
    result = run(app, "demo", "--state", str(tmp_path / "demo.json"))
    assert result.exit_code == 0
    assert json.loads(result.stdout) == json.loads((tmp_path / "demo.json").read_text())
    assert set(json.loads(result.stdout)) == {"email", "password", "workspace", "token", "mcp_json", "curl"}
