"""Keys: one place, one shard a workspace, nothing secret."""

import hashlib
import re

from common import redis_keys

DIGEST = hashlib.sha256(b"mwt_x").digest()


def test_everything_of_one_workspace_shares_one_slot_of_a_cluster():
    number = redis_keys.shard("demo")
    keys = [
        redis_keys.token("demo", DIGEST),
        redis_keys.workspace("demo"),
        redis_keys.ring("demo", DIGEST),
        redis_keys.mcp_session("demo", DIGEST, "0" * 32),
        redis_keys.upstream_session("demo", "prod", "a server", "", b"{}"),
        redis_keys.notes(number, "boot"),
        redis_keys.calls(number),
        redis_keys.cuts(number),
    ]
    assert {re.findall(r"\{(.*?)\}", key)[0] for key in keys} == {f"{number:03d}"}
    assert all(key.startswith(f"s1:{{{number:03d}}}:") for key in keys)
    assert len(set(keys)) == len(keys)


def test_the_shard_of_a_slug_never_changes():
    assert [redis_keys.shard(slug) for slug in ("demo", "dev-tools", "a")] == [160, 74, 67]


def test_one_token_on_two_workspaces_is_two_entries():
    assert redis_keys.token("a", DIGEST) != redis_keys.token("b", DIGEST)
    assert redis_keys.ring("a", DIGEST) != redis_keys.ring("b", DIGEST)
    assert redis_keys.mcp_session("a", DIGEST, "1") != redis_keys.mcp_session("b", DIGEST, "1")


def test_the_key_of_a_session_begins_as_those_of_all_its_tokens_sessions():
    assert redis_keys.mcp_session("a", DIGEST, "") + "0" * 32 == redis_keys.mcp_session("a", DIGEST, "0" * 32)


def test_whatever_tells_two_sessions_with_servers_apart_is_in_their_keys():
    parts = [("demo", "prod", "a server", "dana", b"{}")]
    parts += [("other", *parts[0][1:]), ("demo", "test", *parts[0][2:]), ("demo", "prod", "b server", "dana", b"{}")]
    parts += [("demo", "prod", "a server", "", b"{}"), ("demo", "prod", "a server", "dana", b'{"roots":{}}')]
    parts += [("demo", "proda", " server", "dana", b"{}")]
    assert len({redis_keys.upstream_session(*each) for each in parts}) == len(parts)


def test_what_a_gateway_reads_together_shares_one_slot():
    assert {re.findall(r"\{(.*?)\}", key)[0] for key in (redis_keys.signals(), redis_keys.inbox("boot"))} == {"signals"}


def test_a_slug_of_another_shard_never_reads_as_part_of_a_key():
    every = {redis_keys.token("a", DIGEST), redis_keys.workspace("a"), redis_keys.ring("a", DIGEST)}
    every |= {redis_keys.gateways(), redis_keys.gateway("boot"), redis_keys.signals(), redis_keys.inbox("boot")}
    assert len(every) == 7
    assert all(key.startswith("s1:") for key in every)
