"""The keyring: master keys, and the data keys that they wrap.

Rule: a data key is stored wrapped only (AES key wrap, RFC 3394); the newest master key wraps, any of them unwraps.
Destroying the wrapped key of a workspace destroys all that was sealed with it.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

KEY_BYTES = 32
FORM = b"\x01"
KEY_ID_BYTES = 4


class KeyringError(Exception):
    """A wrapped key was made by none of the master keys at hand, or has been changed."""


@dataclass(frozen=True, slots=True)
class DataKey:
    """The key of one workspace, or of one account's activity; never printed."""

    secret: bytes = field(repr=False)


class Keyring:
    """Wraps and unwraps data keys."""

    def __init__(self, master_keys: Sequence[bytes]) -> None:
        """`master_keys`: 32 bytes each, the newest first."""
        self._newest = master_keys[0]
        self._by_id = {_key_id(key): key for key in master_keys}

    def new_data_key(self) -> bytes:
        """A fresh random key, wrapped."""
        return self.wrap(DataKey(secrets.token_bytes(KEY_BYTES)))

    def wrap(self, key: DataKey) -> bytes:
        return FORM + _key_id(self._newest) + aes_key_wrap(self._newest, key.secret)

    def unwrap(self, wrapped: bytes) -> DataKey:
        """Raises KeyringError."""
        head = len(FORM) + KEY_ID_BYTES
        master = self._by_id.get(wrapped[len(FORM) : head]) if wrapped.startswith(FORM) else None
        if master is None:
            raise KeyringError("The key was wrapped by a master key that is not in STOA_MASTER_KEYS.")
        try:
            return DataKey(aes_key_unwrap(master, wrapped[head:]))
        except (InvalidUnwrap, ValueError) as error:
            raise KeyringError("The wrapped key has been changed.") from error


def _key_id(master: bytes) -> bytes:
    # Says which key to try, and tells nothing of it: 4 bytes of a hash over 32 random ones.
    return sha256(b"stoa master key id" + master).digest()[:KEY_ID_BYTES]
