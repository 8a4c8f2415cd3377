"""Lists: for how long they hold."""

from typing import Any

import pytest

from tests.upstream.servers import Upstreams
from upstream import fake_faults as faults
from upstream.fake import FakeUpstream
from upstream.lists import Items


@pytest.mark.parametrize(
    ("said", "ttl_ms"),
    [
        ({"ttlMs": 60_000, "cacheScope": "public"}, 60_000),
        ({"ttlMs": 0, "cacheScope": "private"}, 0),
        ({"ttlMs": -5}, 0),
        ({"ttlMs": 10**12}, 86_400_000),
        ({}, 0),
        ({"ttlMs": "long"}, 0),
    ],
)
def test_a_list_holds_for_as_long_as_its_server_says(said: dict[str, Any], ttl_ms: int, upstream_at: Upstreams) -> None:
    with FakeUpstream("modern") as fake:
        fake.freshness = said
        assert upstream_at(fake.url).list_items("tools/list").ttl_ms == ttl_ms


def test_the_shortest_page_counts(upstream_at: Upstreams) -> None:
    pages = iter([(9000, "1"), (7000, "2"), (8000, None)])

    def page(turn: faults.Turn) -> None:
        ttl_ms, cursor = next(pages)
        more = {"nextCursor": cursor} if cursor else {}
        turn.respond(result={"tools": [], "ttlMs": ttl_ms, **more})

    with FakeUpstream("modern") as fake:
        fake.always("tools/list", page)
        assert upstream_at(fake.url).list_items("tools/list") == Items([], 7000)


def test_a_legacy_list_holds_for_no_time_whatever_it_says(upstream_at: Upstreams) -> None:
    with FakeUpstream("legacy") as fake:
        fake.results["tools/list"] = {"tools": [], "ttlMs": 9000, "cacheScope": "public"}
        assert upstream_at(fake.url).list_items("tools/list") == Items([])


def test_what_a_server_does_not_claim_is_empty_for_as_long_as_the_claim_holds(
    fake: FakeUpstream, upstream_at: Upstreams
) -> None:
    items = upstream_at(fake.url).list_items("prompts/list")
    assert items == (Items([], 3_600_000) if fake.era == "modern" else Items([]))
    assert fake.count("prompts/list") == 0
