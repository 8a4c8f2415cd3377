"""What was sealed opens in its own place, with its own key, unchanged, or not at all."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.sealing.keyring import DataKey
from common.sealing.seal import seal
from common.sealing.unseal import UnsealError, unseal

KEY = DataKey(bytes(range(32)))
HERE = {"workspace_id": uuid.UUID(int=1), "environment": "prod", "name": "github"}


@given(st.binary(max_size=2000))
def test_what_was_sealed_comes_back(plaintext: bytes):
    sealed = seal(KEY, plaintext, **HERE)
    assert unseal(KEY, sealed, **HERE) == plaintext


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"workspace_id": uuid.UUID(int=2)},
        {"environment": "dev"},
        {"environment": ""},
        {"name": "gitlab"},
        {"environment": "prodg", "name": "ithub"},
    ],
)
def test_a_value_moved_to_another_place_does_not_open(elsewhere):
    with pytest.raises(UnsealError):
        unseal(KEY, seal(KEY, b"secret", **HERE), **{**HERE, **elsewhere})


def test_a_value_does_not_open_with_another_key():
    with pytest.raises(UnsealError):
        unseal(DataKey(bytes(32)), seal(KEY, b"secret", **HERE), **HERE)


def test_no_bit_can_be_changed_and_nothing_cut():
    sealed = seal(KEY, b"secret", **HERE)
    for index in range(len(sealed)):
        changed = bytearray(sealed)
        changed[index] ^= 1
        with pytest.raises(UnsealError):
            unseal(KEY, bytes(changed), **HERE)
        with pytest.raises(UnsealError):
            unseal(KEY, sealed[:index], **HERE)
