"""Nobody changes, reorders or removes an entry of the activity without `verify` naming it."""

from typing import Any

import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from common import activity, ids
from common.models import Account, Activity
from common.sealing.keyring import Keyring
from tests.cast import Cast
from tests.threads import at_once
from webapp.services import accounts


@pytest.fixture
def chain(cast: Cast) -> Cast:
    """Acme's chain: account.create, workspace.create, token.create, and five renames; entries 1 to 8."""
    for number in range(5):
        with cast.acts(cast.alice) as ctx:
            accounts.rename_account(ctx, cast.acme.id, name=f"Acme {number}")
    return cast


def verify(cast: Cast) -> activity.Verdict:
    with cast.session() as session:
        return activity.verify(session, cast.resources.keyring, cast.acme.id)


def entry(seq: int):
    return Activity.seq == seq


def test_an_untouched_chain_is_whole(chain: Cast):
    assert verify(chain) == activity.Verdict(8, None, "whole")


def test_a_changed_entry_is_named(chain: Cast):
    changes: list[dict[str, Any]] = [
        {"action": "token.created"},
        {"actor": "mallory@example.test"},
        {"target": "Acmé"},
        {"details": {"before": "Something else"}},
        {"address": "203.0.113.9"},
        {"request_id": "another"},
        {"actor_id": None},
        {"workspace_id": ids.new_id()},
        {"target_id": ids.new_id()},
        {"mac": bytes(32)},
    ]
    for change in changes:
        with Session(chain.resources.engine) as session:
            session.execute(update(Activity).where(Activity.account_id == chain.acme.id, entry(5)).values(**change))
            verdict = activity.verify(session, chain.resources.keyring, chain.acme.id)
            session.rollback()
        assert verdict.broken_at == 5, change


@pytest.mark.parametrize("seq", [1, 4, 7])
def test_a_removed_entry_is_named(chain: Cast, seq: int):
    with chain.session() as session:
        session.execute(delete(Activity).where(Activity.account_id == chain.acme.id, entry(seq)))
    assert verify(chain).broken_at == seq


def test_a_removed_end_is_named(chain: Cast):
    with chain.session() as session:
        session.execute(delete(Activity).where(Activity.account_id == chain.acme.id, Activity.seq > 6))
    assert verify(chain).broken_at == 7


def test_a_removed_end_is_named_even_when_the_head_was_moved_back(chain: Cast):
    """Whoever writes to the database knows the code of entry 6, but not the head that would go with it."""
    with chain.session() as session:
        last = session.scalars(select(Activity).where(Activity.account_id == chain.acme.id, entry(6))).one()
        session.execute(delete(Activity).where(Activity.account_id == chain.acme.id, Activity.seq > 6))
        account = session.get_one(Account, chain.acme.id)
        account.activity_seq, account.activity_head = 6, last.mac
    assert verify(chain).broken_at == 7


def test_a_removed_end_goes_unseen_when_the_head_of_that_time_is_put_back(chain: Cast):
    """What the chain cannot tell by itself, and what heads that are kept elsewhere would."""
    with chain.session() as session:
        account = session.get_one(Account, chain.acme.id)
        kept = account.activity_seq, account.activity_head
    with chain.acts(chain.alice) as ctx:
        accounts.rename_account(ctx, chain.acme.id, name="Unwelcome")
    with chain.session() as session:
        session.execute(delete(Activity).where(Activity.account_id == chain.acme.id, Activity.seq > kept[0]))
        account = session.get_one(Account, chain.acme.id)
        account.activity_seq, account.activity_head = kept
    assert verify(chain) == activity.Verdict(kept[0], None, "whole")


def test_a_chain_that_was_emptied_is_named(chain: Cast):
    with chain.session() as session:
        session.execute(delete(Activity).where(Activity.account_id == chain.acme.id))
        session.get_one(Account, chain.acme.id).activity_seq = 0
    assert verify(chain).broken_at == 1


def test_two_entries_that_changed_places_are_named(chain: Cast):
    with chain.session() as session:
        for before, after in ((4, 999), (5, 4), (999, 5)):
            session.execute(
                update(Activity).where(Activity.account_id == chain.acme.id, entry(before)).values(seq=after)
            )
    assert verify(chain).broken_at == 4


def test_an_entry_moved_from_another_account_is_named(chain: Cast):
    with chain.session() as session:
        foreign = session.scalars(select(Activity).where(Activity.account_id != chain.acme.id)).first()
        assert foreign is not None
        foreign.account_id, foreign.seq = chain.acme.id, 9
        session.get_one(Account, chain.acme.id).activity_seq = 9
    assert verify(chain).broken_at == 9


def test_an_added_entry_is_named(chain: Cast):
    with chain.session() as session:
        last = session.scalars(select(Activity).where(Activity.account_id == chain.acme.id, entry(8))).one()
        columns = {column.key: getattr(last, column.key) for column in Activity.__table__.columns}
        session.add(Activity(**{**columns, "id": ids.new_id(), "seq": 9}))
    assert verify(chain).broken_at == 9


def test_a_key_put_in_place_of_the_accounts_own_is_named(chain: Cast):
    with chain.session() as session:
        session.get_one(Account, chain.acme.id).activity_key = chain.resources.keyring.new_data_key()
    assert verify(chain).broken_at == 1


def test_a_key_that_does_not_open_is_named(chain: Cast):
    with chain.session() as session:
        verdict = activity.verify(session, Keyring([bytes(32)]), chain.acme.id)
    assert verdict.broken_at == 0
    assert "STOA_MASTER_KEYS" in verdict.reason


def test_writers_at_the_same_time_make_one_chain(chain: Cast):
    def write(number: int) -> None:
        for turn in range(5):
            with chain.acts(chain.alice) as ctx:
                accounts.rename_account(ctx, chain.acme.id, name=f"Acme {number}.{turn}")

    at_once(4, write)
    assert verify(chain) == activity.Verdict(28, None, "whole")
