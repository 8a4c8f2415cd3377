"""Lists: for how long they hold, and when a server is not asked for one."""

from typing import Any

import pytest

from tests.upstream.servers import ECHO, Upstreams
from upstream import fake_faults as faults
from upstream.fake import FakeUpstream
from upstream.faults import UpstreamFault
from upstream.lists import Items

TOOLS = [{"name": f"t{number}", "inputSchema": {"type": "object"}} for number in range(4)]


@pytest.mark.parametrize(
    ("said", "ttl_ms", "is_public"),
    [
        ({"ttlMs": 60_000, "cacheScope": "public"}, 60_000, True),
        ({"ttlMs": 0, "cacheScope": "private"}, 0, False),
        ({"ttlMs": -5, "cacheScope": "public"}, 0, True),
        ({"ttlMs": 10**12, "cacheScope": "public"}, 86_400_000, True),
        ({}, 0, False),
        ({"ttlMs": "long", "cacheScope": "public"}, 0, False),
    ],
)
def test_a_list_holds_for_as_long_as_its_server_says(
    said: dict[str, Any], ttl_ms: int, is_public: bool, upstream_at: Upstreams
) -> None:
    with FakeUpstream("modern") as fake:
        fake.freshness = said
        items = upstream_at(fake.url).list_items("tools/list")
        assert (items.ttl_ms, items.is_public) == (ttl_ms, is_public)


def test_the_shortest_page_and_the_most_private_one_count(upstream_at: Upstreams) -> None:
    pages = iter([(9000, "public", "1"), (7000, "private", "2"), (8000, "public", None)])

    def page(turn: faults.Turn) -> None:
        ttl_ms, scope, cursor = next(pages)
        more = {"nextCursor": cursor} if cursor else {}
        turn.respond(result={"tools": [], "ttlMs": ttl_ms, "cacheScope": scope, **more})

    with FakeUpstream("modern") as fake:
        fake.always("tools/list", page)
        assert upstream_at(fake.url).list_items("tools/list") == Items([], 7000, is_public=False)


def test_a_legacy_list_holds_for_no_time_whatever_it_says(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.results["tools/list"] = {"tools": [], "ttlMs": 9000, "cacheScope": "public"}
        assert upstream_at(fake.url).list_items("tools/list") == Items([], 0, is_public=False)


def test_what_a_server_does_not_claim_is_empty_for_as_long_as_the_claim_holds(
    fake: FakeUpstream, upstream_at: Upstreams
) -> None:
    items = upstream_at(fake.url).list_items("prompts/list")
    assert items == (Items([], 3_600_000, is_public=True) if fake.era == "modern" else Items([]))
    assert fake.count("prompts/list") == 0


def test_a_server_that_asks_to_be_left_alone_is_not_asked_for_lists(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.script("tools/list", faults.status(429, Retry_After="7"))
    upstream = upstream_at(fake.url)
    for method in ("tools/list", "tools/list", "prompts/list"):
        with pytest.raises(UpstreamFault, match=r"\(429\)\. Try again in 7 s") as raised:
            upstream.list_items(method)
        assert (raised.value.code, raised.value.retry_after) == ("rate_limited", 7)
    assert fake.count("tools/list") == 1
    upstream.call("tools/call", ECHO).close()  # a call is the caller's own affair


def test_a_server_that_has_enough_for_now_is_asked_again_when_it_did_not_say_when(
    fake: FakeUpstream, upstream_at: Upstreams
) -> None:
    fake.tools = TOOLS
    fake.script("tools/list", faults.status(429))
    upstream = upstream_at(fake.url)
    with pytest.raises(UpstreamFault):
        upstream.list_items("tools/list")
    assert len(upstream.list_items("tools/list").items) == 4


def test_the_wait_ends(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.script("tools/list", faults.status(429, Retry_After="1"))
    upstream = upstream_at(fake.url)
    with pytest.raises(UpstreamFault):
        upstream.list_items("tools/list")
    upstream._lists_not_before -= 1  # as if that second had passed
    assert len(upstream.list_items("tools/list").items) == 1
