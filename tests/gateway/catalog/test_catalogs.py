"""Lists that wait for nobody longer than they must, and are of now once a change was told."""

import uuid
from collections.abc import Callable
from typing import Any

import gevent
from gevent.event import Event

from common import clock
from gateway.catalog.catalogs import MAX_TTL_SECONDS, Catalog, Catalogs
from gateway.catalog.listings import HOLD_SECONDS
from gateway.directory.snapshots import Server, Snapshot
from gateway.places import Place
from gateway.protocol.methods import Kind
from gateway.protocol.subscriptions import MAX_URIS
from gateway.signals import Changed
from tests.gateway.greenlets import until
from upstream.faults import UpstreamFault
from upstream.lists import Items

AWAY = UpstreamFault("refused", "x refused the connection.")
TOOLS = "tools/list"


def a_server(name: str) -> Server:
    return Server(uuid.uuid4().hex, name, name, "http://x/mcp", None, "s", 5, 60, f"definition of {name}", "shared")


A, B = a_server("a"), a_server("b")


def a_snapshot(*servers: Server, version: int = 1) -> Snapshot:
    return Snapshot("1" * 32, "demo", "Demo", version, 60, b"", servers)


def a_tool(name: str) -> bytes:
    return b'{"name":"%b","inputSchema":{}}' % name.encode()


class Servers:
    """The upstreams of the test: what each lists, or how it fails; `asked` counts."""

    def __init__(self) -> None:
        self.lists: dict[str, Callable[[], Items]] = {}
        self.asked: list[str] = []
        self.told: list[Changed] = []
        self.catalogs = Catalogs(self, self.told.append)  # type: ignore[arg-type]  # stands in for Upstreams

    def get(self, snapshot: Snapshot, environment: str, server: Server) -> Any:
        return _Listed(self, server.name)

    def offer(self, name: str, *tools: str, ttl_ms: int = 0) -> None:
        self.lists[name] = lambda: Items([a_tool(tool) for tool in tools], ttl_ms)

    def fail(self, name: str) -> None:
        def refuse() -> Items:
            raise AWAY.again()

        self.lists[name] = refuse

    def hold(self, name: str, *tools: str) -> Event:
        """It answers once the event is set."""
        let_go = Event()

        def wait() -> Items:
            assert let_go.wait(10)
            return Items([a_tool(tool) for tool in tools])

        self.lists[name] = wait
        return let_go

    def show(self, snapshot: Snapshot, *, fresh: bool = True) -> Catalog:
        return self.catalogs.get(snapshot, "prod", Kind.TOOLS, fresh=fresh)

    def names(self, snapshot: Snapshot, *, fresh: bool = True) -> list[str]:
        return list(self.show(snapshot, fresh=fresh).merged.routes)


class _Listed:
    def __init__(self, servers: Servers, name: str) -> None:
        self._servers, self._name = servers, name

    def list_items(self, method: str, timeout: float) -> Items:
        self._servers.asked.append(self._name)
        return self._servers.lists[self._name]()


def test_servers_are_asked_once_while_their_lists_are_fresh():
    servers = Servers()
    servers.offer("a", "x")
    servers.offer("b", "y")
    both = a_snapshot(A, B)
    assert servers.names(both) == servers.names(both) == ["a__x", "b__y"]
    assert sorted(servers.asked) == ["a", "b"]
    assert servers.told == []


def test_a_server_that_is_away_is_missing_and_its_last_good_list_stands_in():
    servers = Servers()
    servers.offer("a", "x")
    servers.fail("b")
    both = a_snapshot(A, B)
    assert servers.names(both) == ["a__x"]
    assert servers.show(both).missing == {B: AWAY.sentence}
    servers.fail("a")
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    assert servers.names(both) == ["a__x"]
    assert set(servers.show(both).missing) == {A, B}


def test_what_was_dropped_is_asked_for_anew_by_whoever_lists_and_calls_are_routed_meanwhile():
    servers = Servers()
    servers.offer("a", "x")
    one = a_snapshot(A)
    assert servers.names(one) == ["a__x"]
    servers.offer("a", "x", "new")
    assert servers.names(one) == ["a__x"]
    servers.catalogs.drop(Place("demo", "prod"), "prompts/list")
    servers.catalogs.drop(Place("demo", "test"), TOOLS)
    assert servers.names(one) == ["a__x"]
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    assert servers.names(one) == ["a__x", "a__new"]
    assert servers.told == []


def test_a_call_that_is_routed_by_a_dropped_list_has_the_next_one_fetched():
    servers = Servers()
    servers.offer("a", "x")
    one = a_snapshot(A)
    servers.names(one)
    servers.offer("a", "x", "new")
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    assert servers.names(one, fresh=False) == ["a__x"]
    until(lambda: servers.names(one, fresh=False) == ["a__x", "a__new"])
    assert servers.asked == ["a", "a"]


def test_a_slow_server_with_a_last_good_list_holds_a_list_up_for_a_moment_and_is_told_when_it_answers():
    servers = Servers()
    servers.offer("a", "x")
    servers.offer("b", "y")
    both = a_snapshot(A, B)
    servers.names(both)
    let_go = servers.hold("b", "y", "late")
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    began = clock.monotonic()
    assert servers.names(both) == ["a__x", "b__y"]
    assert clock.monotonic() - began < HOLD_SECONDS * 2
    began = clock.monotonic()
    assert servers.names(both) == ["a__x", "b__y"]  # it is still being asked, and nobody waits for it again
    assert clock.monotonic() - began < HOLD_SECONDS / 2
    let_go.set()
    until(lambda: servers.told == [Changed("demo", "prod", TOOLS)])
    assert servers.names(both) == ["a__x", "b__y", "b__late"]
    assert servers.asked.count("b") == 2


def test_a_slow_server_that_has_failed_before_holds_nothing_up_for_long():
    servers = Servers()
    servers.offer("a", "x")
    servers.fail("b")
    both = a_snapshot(A, B)
    servers.names(both)
    servers.hold("b")
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    began = clock.monotonic()
    assert servers.names(both) == ["a__x"]
    assert clock.monotonic() - began < HOLD_SECONDS * 2


def test_clients_may_keep_a_list_for_as_long_as_every_server_says_but_no_longer_than_a_minute():
    servers = Servers()
    servers.offer("a", "x", ttl_ms=5_000)
    servers.offer("b", "y", ttl_ms=3_600_000)
    now = clock.monotonic()
    assert 4_000 < servers.show(a_snapshot(A, B)).ttl_ms(now) <= 5_000
    assert servers.show(a_snapshot(A, B)).ttl_ms(now + 6) == 0
    assert servers.show(a_snapshot(B, version=2)).ttl_ms(now) == MAX_TTL_SECONDS * 1000
    servers.fail("b")
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    assert servers.show(a_snapshot(B, version=2)).ttl_ms(now) == 0
    assert servers.show(a_snapshot(version=3)).ttl_ms(now) > 0


def test_lists_that_have_not_changed_are_not_merged_anew():
    servers = Servers()
    servers.offer("a", "x")
    one = a_snapshot(A)
    merged = servers.show(one).merged
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    assert servers.show(one).merged is merged
    servers.offer("a", "y")
    servers.catalogs.drop(Place("demo", "prod"), TOOLS)
    assert servers.show(one).merged is not merged


def test_what_leads_nowhere_is_looked_for_once_more_and_who_is_away_is_named():
    servers = Servers()
    servers.offer("a", "x")
    servers.fail("b")
    both = a_snapshot(A, B)
    assert servers.catalogs.look_up(both, "prod", (Kind.TOOLS,), "a__nothing") == (None, {"b"})
    found, _ = servers.catalogs.look_up(both, "prod", (Kind.TOOLS,), "a__x")
    assert found is not None
    assert (found.server, found.name) == (A, "x")


def a_template(literal: str) -> bytes:
    return b'{"uriTemplate":"x://%b","name":"t"}' % literal.encode()


def test_each_resource_s_server_is_found_and_what_nobody_offers_is_left_out():
    servers = Servers()
    both = a_snapshot(A, B)
    servers.lists = {name: lambda name=name: Items([a_template(name + "/{n}")]) for name in ("a", "b")}
    owners = servers.catalogs.find_owners(both, "prod", ["x://b/1", "x://c/1", "x://a/1"])
    assert list(owners.items()) == [("x://b/1", B), ("x://a/1", A)]


def test_many_resources_looked_for_among_many_templates_hold_nobody_up():
    servers = Servers()
    hostile = [a_template(("{+a}" + "a" * 50) * 31 + f"{{+b}}!{number}") for number in range(9_000)]
    servers.lists["a"] = lambda: Items(hostile)
    one = a_snapshot(A)
    uris = [f"x://{'a' * 1_000}{number}" for number in range(MAX_URIS)]
    servers.catalogs.find_owner(one, "prod", uris[0])  # the lists are there
    looking = gevent.spawn(servers.catalogs.find_owners, one, "prod", uris)
    longest, last = 0.0, clock.monotonic()
    while not looking.ready():
        gevent.sleep(0)
        longest, last = max(longest, clock.monotonic() - last), clock.monotonic()
    assert looking.get() == {}
    assert longest < 0.25
