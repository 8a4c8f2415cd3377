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


def test_a_slug_of_another_shard_never_reads_as_part_of_a_key():
    every = {redis_keys.token("a", DIGEST), redis_keys.workspace("a"), redis_keys.ring("a", DIGEST)}
    every |= {redis_keys.gateways(), redis_keys.gateway("boot")}
    assert len(every) == 5
    assert all(key.startswith("s1:") for key in every)
