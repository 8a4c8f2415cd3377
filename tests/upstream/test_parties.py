"""Parties: each has its session at a legacy server, declares what it can, and shares it with other processes."""

import json
import threading

import msgspec
import pytest

from common.clock import monotonic
from tests.threads import at_once
from tests.upstream.servers import ECHO, Shelf, Upstreams, text_of
from tests.waiting import until
from upstream import fake_faults as faults
from upstream.client import Upstream
from upstream.fake import FakeUpstream
from upstream.fake_talk import counts_visits
from upstream.faults import UpstreamFault
from upstream.parties import NOBODY, Kept, Party
from upstream.sessions import MAX_PARTIES

ALICE = Party("alice", b'{"sampling":{}}')
BOB = Party("bob")
COUNT = {"name": msgspec.Raw(b'"count"')}


def visit(upstream: Upstream, party: Party) -> int:
    return json.loads(text_of(upstream.call("tools/call", COUNT, party=party).response()))["visits"]


@pytest.fixture
def legacy():
    with FakeUpstream("legacy") as fake:
        fake.offer("count", counts_visits)
        yield fake


def test_each_party_has_a_session_of_its_own_that_declares_what_it_can(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    upstream = upstream_at(legacy.url)
    assert [visit(upstream, party) for party in (ALICE, BOB, ALICE, NOBODY, BOB, ALICE)] == [1, 1, 2, 1, 2, 3]
    assert list(legacy.opened.values()) == [{"sampling": {}}, {}, {}]
    assert legacy.count("server/discover") == 1, "the verdict on the era is shared"


def test_clients_of_different_abilities_never_share_one(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(legacy.url)
    assert visit(upstream, Party("", b'{"roots":{}}')) == visit(upstream, NOBODY) == 1
    assert visit(upstream, Party("", b'{"roots":{}}')) == 2


def test_a_modern_server_has_no_sessions_to_tell_apart(upstream_at: Upstreams) -> None:
    with FakeUpstream("modern") as fake:
        upstream = upstream_at(fake.url)
        for party in (ALICE, BOB):
            upstream.call("tools/call", ECHO, party=party).close()
        assert fake.count("server/discover") == 1


def test_a_server_that_gives_no_session_ids_is_opened_for_each(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy", keeps_sessions=False) as fake:
        upstream = upstream_at(fake.url, store=Shelf())
        for party in (ALICE, BOB, ALICE):
            upstream.call("tools/call", ECHO, party=party).close()
        assert fake.count("initialize") == 2


def test_many_callers_of_two_parties_open_two_sessions(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    legacy.always("initialize", faults.slow(0.1))
    upstream = upstream_at(legacy.url)
    at_once(8, lambda number: visit(upstream, (ALICE, BOB)[number % 2]))
    assert (legacy.count("server/discover"), legacy.count("initialize"), legacy.count("tools/call")) == (1, 2, 8)


def test_another_process_goes_on_with_the_same_session(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    shelf = Shelf()
    assert visit(upstream_at(legacy.url, store=shelf), ALICE) == 1
    assert visit(upstream_at(legacy.url, store=shelf), ALICE) == 2
    assert legacy.count("initialize") == legacy.count("server/discover") == 1


def test_of_two_processes_that_open_at_once_both_use_one_session(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    shelf, both_are_opening = Shelf(), threading.Barrier(2)

    def wait_for_the_other(turn: faults.Turn) -> None:
        both_are_opening.wait(5)
        faults.honest(turn)

    legacy.script("initialize", wait_for_the_other, wait_for_the_other)
    upstreams = [upstream_at(legacy.url, store=shelf) for _ in range(2)]
    at_once(2, lambda number: visit(upstreams[number], ALICE))
    assert visit(upstreams[0], ALICE) == 3
    until(lambda: len(legacy.ended) == 1)
    assert legacy.sessions == {shelf.kept[ALICE].session_id}


def test_a_session_that_the_server_forgot_is_opened_once_for_all_processes(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    shelf = Shelf()
    upstreams = [upstream_at(legacy.url, store=shelf) for _ in range(3)]
    for upstream in upstreams:
        visit(upstream, ALICE)
    legacy.sessions.clear()
    assert [visit(upstream, ALICE) for upstream in upstreams] == [1, 2, 3]
    assert legacy.count("initialize") == 2


def test_a_session_that_another_process_stored_may_be_forgotten_as_well(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    shelf = Shelf()
    late, early = upstream_at(legacy.url, store=shelf), upstream_at(legacy.url, store=shelf)
    visit(late, ALICE)
    legacy.sessions.clear()
    visit(early, ALICE)
    legacy.sessions.clear()
    assert visit(late, ALICE) == 1
    assert visit(early, ALICE) == 2
    assert list(legacy.opened) == ["session-1", "session-2", "session-3"]


def test_what_is_stored_but_makes_no_sense_is_not_used(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    shelf = Shelf()
    shelf.kept[ALICE] = Kept("of-another-time", b"gibberish")
    upstream = upstream_at(legacy.url, store=shelf)
    assert [visit(upstream, ALICE), visit(upstream, ALICE)] == [1, 2]


def test_ending_a_principal_ends_its_session_wherever_it_was_opened(
    legacy: FakeUpstream, upstream_at: Upstreams
) -> None:
    shelf = Shelf()
    here, there = upstream_at(legacy.url, store=shelf), upstream_at(legacy.url, store=shelf)
    for upstream in (there, here):
        visit(upstream, ALICE)
    here.end_principal("alice")
    here.end_principal("bob")
    assert (legacy.ended, shelf.kept) == (["session-1"], {})
    assert visit(there, ALICE) == 1


def test_ending_a_principal_ends_its_sessions_of_every_ability(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(legacy.url)
    for party in (ALICE, Party("alice"), BOB):
        visit(upstream, party)
    upstream.end_principal("alice")
    assert legacy.ended == ["session-1", "session-2"]


def test_a_notification_goes_to_its_party(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    shelf = Shelf()
    visit(upstream_at(legacy.url, store=shelf), BOB)
    upstream = upstream_at(legacy.url, store=shelf)
    upstream.notify(ALICE, "notifications/roots/list_changed")
    upstream.notify(BOB, "notifications/roots/list_changed")
    assert legacy.count("notifications/roots/list_changed") == 1
    assert legacy.last("notifications/roots/list_changed").headers["mcp-session-id"] == "session-1"


def test_idle_sessions_are_ended_and_others_stay(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(legacy.url)
    visit(upstream, ALICE)
    horizon = monotonic()
    visit(upstream, BOB)
    upstream.sweep(horizon)
    until(lambda: legacy.ended == ["session-1"])
    assert (visit(upstream, BOB), visit(upstream, ALICE)) == (2, 1)


def test_a_session_that_another_process_uses_is_not_ended(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    shelf = Shelf()
    upstream = upstream_at(legacy.url, store=shelf)
    visit(upstream, ALICE)
    visit(upstream, BOB)
    shelf.touched[BOB] -= 3600  # nobody has used it for long
    upstream.sweep(monotonic())
    until(lambda: legacy.ended == ["session-2"])
    upstream.close()
    assert legacy.sessions == {"session-1"}
    assert visit(upstream_at(legacy.url, store=shelf), ALICE) == 2


def test_a_session_in_which_something_streams_is_not_idle(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    upstream = upstream_at(legacy.url)
    legacy.script("tools/call", faults.progress(1, 2, pause=0.2))
    reply = upstream.call("tools/call", ECHO, party=ALICE)
    assert upstream.is_held()
    upstream.sweep(monotonic())
    assert reply.events is not None
    assert "result" in list(reply.events)[-1]
    reply.close()
    assert not upstream.is_held()
    assert legacy.ended == []


def test_a_session_in_use_is_kept_longer_now_and_then(
    legacy: FakeUpstream, upstream_at: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    shelf = Shelf()
    upstream = upstream_at(legacy.url, store=shelf)
    visit(upstream, ALICE)
    upstream.sweep(0)
    assert shelf.touches == 0, "it was stored a moment ago"
    monkeypatch.setattr("upstream.sessions.TOUCH_SECONDS", 0.0)
    visit(upstream, ALICE)
    upstream.sweep(0)
    upstream.sweep(0)
    assert shelf.touches == 1


def test_parties_without_number_make_room_for_each_other(
    legacy: FakeUpstream, upstream_at: Upstreams, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MAX_PARTIES > 100
    monkeypatch.setattr("upstream.sessions.MAX_PARTIES", 3)
    upstream = upstream_at(legacy.url)
    for number in range(6):
        visit(upstream, Party(str(number)))
    until(lambda: len(legacy.ended) == 3)
    assert sorted(legacy.sessions) == ["session-4", "session-5", "session-6"]


def test_a_party_with_less_time_does_not_make_the_others_give_up(legacy: FakeUpstream, upstream_at: Upstreams) -> None:
    legacy.script("server/discover", faults.hang)
    upstream = upstream_at(legacy.url)
    outcomes: list[object] = []

    def hurried(_: int) -> None:
        with pytest.raises(UpstreamFault):
            upstream.call("tools/call", ECHO, timeout=0.3)

    def patient(number: int) -> None:
        if number:
            until(lambda: legacy.count("server/discover"))
            outcomes.append(text_of(upstream.call("tools/call", ECHO, timeout=5).response()))
        else:
            hurried(0)

    at_once(2, patient)
    assert outcomes == ['{"text":"hi"}']
