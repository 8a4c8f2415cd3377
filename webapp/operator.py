"""`flask operator …`: what whoever runs the installation does.

Rule: asks for no permission, since who can run it can do anything; goes through the services all the same, and so what
changes an account is told in its activity. Prints no secret but the demo's own.
"""

import json
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import click
from flask import current_app
from flask.cli import AppGroup
from sqlalchemy import select

from common import activity
from common.errors import DomainError, NotFound
from common.ids import find_id
from common.models import Account
from common.plans import PLANS
from webapp.context import Context
from webapp.demo import Wish, make_demo
from webapp.resources import Resources
from webapp.services import accounts, users

operator = AppGroup("operator", help="Run the installation: plans, users, audit, demo.")


# A password is never an argument: those are seen in the list of processes, and kept by the shell.
password_option = click.option(
    "--stdin", "from_stdin", is_flag=True, help="Read the password from standard input instead of asking for it twice."
)


@operator.command("set-plan")
@click.argument("account")
@click.argument("plan", type=click.Choice(list(PLANS)))
def set_plan(account: str, plan: str) -> None:
    """Change the plan of ACCOUNT: its id, or the e-mail address of the user whose only account it is."""
    with _plainly(), _resources().transaction(write=True) as ctx:
        changed = accounts.set_plan(ctx, _find_account(ctx, account), plan)
    click.echo(f"{changed.name} ({changed.id}) is now on the plan {plan}.")


@operator.command("create-user")
@click.argument("email")
@click.argument("name")
@password_option
def create_user(email: str, name: str, from_stdin: bool) -> None:
    """Create a user and their account."""
    password = _read_password(from_stdin)
    with _plainly(), _resources().transaction(write=True) as ctx:
        user = users.sign_up(ctx, email=email, name=name, password=password)
    click.echo(f"{user.email} can sign in now.")


@operator.command("set-password")
@click.argument("email")
@password_option
def set_password(email: str, from_stdin: bool) -> None:
    """Give the user of EMAIL another password, and sign them out everywhere."""
    password = _read_password(from_stdin)
    with _plainly(), _resources().transaction(write=True) as ctx:
        try:
            user = users.set_password(ctx, email=email, password=password)
        except NotFound:
            raise _unknown(email) from None
    click.echo(f"{user.email} has a new password now, and is signed out everywhere.")


@operator.command("verify-activity")
@click.argument("account", required=False)
def verify_activity(account: str | None) -> None:
    """Check the activity chain of ACCOUNT, or of all accounts; exits with 1 when one is broken."""
    is_whole = True
    with _plainly(), _resources().transaction(write=False) as ctx:
        query = select(Account.id, Account.name).order_by(Account.name, Account.id)
        if account is not None:
            query = query.where(Account.id == _find_account(ctx, account))
        for account_id, name in ctx.session.execute(query).all():
            verdict = activity.verify(ctx.session, ctx.keyring, account_id)
            if verdict.broken_at is None:
                click.echo(f"{name} ({account_id}): {verdict.entries} entries, whole")
            else:
                is_whole = False
                click.echo(f"{name} ({account_id}): broken at entry {verdict.broken_at}: {verdict.reason}")
    if not is_whole:
        sys.exit(1)


@operator.command("demo")
@click.option("--state", type=click.Path(path_type=Path, dir_okay=False), required=True, help="Where it is kept.")
@click.option("--server", "wanted", multiple=True, metavar="[PREFIX=]URL", help="A server of the demo; repeatable.")
def demo(state: Path, wanted: tuple[str, ...]) -> None:
    """Make the demo workspace, or bring it up to date; prints what is kept in the state file, as JSON."""
    with _plainly():
        made = make_demo(
            _resources(), state, [Wish.parse(text) for text in wanted], warn=lambda words: click.echo(words, err=True)
        )
    click.echo(json.dumps(asdict(made), indent=2))


def _resources() -> Resources:
    return current_app.extensions["stoa"]


def _read_password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return click.prompt("Password", hide_input=True, confirmation_prompt=True)


def _find_account(ctx: Context, text: str) -> uuid.UUID:
    account_id = find_id(text)
    if account_id is not None:
        return account_id
    user = users.find_user(ctx, text)
    if user is None:
        raise _unknown(text)
    own = [entry.account for entry in accounts.list_administered(ctx, user)]
    if len(own) != 1:
        listed = "\n".join(f"  {account.id}  {account.name}" for account in own)
        raise click.ClickException(f"{text} has {len(own)} accounts; name one by its id:\n{listed}")
    return own[0].id


def _unknown(email: str) -> click.ClickException:
    return click.ClickException(f"There is no user {email}.")


@contextmanager
def _plainly() -> Iterator[None]:
    """What is wrong is said in one sentence, not in a traceback."""
    try:
        yield
    except DomainError as error:
        raise click.ClickException(error.message) from None
