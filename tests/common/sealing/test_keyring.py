"""Data keys are kept wrapped, and only our master keys open them."""

import pytest

from common.sealing.keyring import Keyring, KeyringError

OLD, NEW = bytes(32), bytes(range(32))


def test_a_new_key_opens_again_and_is_never_the_same():
    keyring = Keyring([NEW])
    first, second = keyring.new_data_key(), keyring.new_data_key()
    assert len(keyring.unwrap(first).secret) == 32
    assert keyring.unwrap(first) != keyring.unwrap(second)


def test_after_a_rotation_old_keys_still_open_and_new_ones_use_the_newest():
    wrapped = Keyring([OLD]).new_data_key()
    both = Keyring([NEW, OLD])
    assert both.unwrap(wrapped) == Keyring([OLD]).unwrap(wrapped)
    assert Keyring([NEW]).unwrap(both.wrap(both.unwrap(wrapped))) == both.unwrap(wrapped)


def test_a_key_of_another_master_is_refused_with_its_reason():
    with pytest.raises(KeyringError, match="STOA_MASTER_KEYS"):
        Keyring([NEW]).unwrap(Keyring([OLD]).new_data_key())


def test_a_changed_key_is_refused():
    wrapped = Keyring([NEW]).new_data_key()
    for changed in (wrapped[:-1] + bytes([wrapped[-1] ^ 1]), wrapped[:-1], b"", b"\2" + wrapped):
        with pytest.raises(KeyringError):
            Keyring([NEW]).unwrap(changed)


def test_a_key_is_never_printed():
    key = Keyring([NEW]).unwrap(Keyring([NEW]).new_data_key())
    assert key.secret.hex() not in repr(key)
    assert repr(key.secret) not in repr(key)
