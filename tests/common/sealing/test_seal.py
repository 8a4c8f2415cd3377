"""Sealing shows nothing of the value, and not even that it is the same one."""

import uuid

from common.sealing.keyring import DataKey
from common.sealing.seal import seal

KEY = DataKey(bytes(range(32)))
PLACE = {"workspace_id": uuid.UUID(int=1), "environment": "", "name": "github"}


def test_the_same_value_looks_different_each_time():
    assert len({seal(KEY, b"ghp_secret", **PLACE) for _ in range(100)}) == 100


def test_the_value_is_not_in_it():
    assert b"ghp_secret" not in seal(KEY, b"ghp_secret", **PLACE)
