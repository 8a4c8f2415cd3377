"""Unseal: the only way to read a sealed value.

Rule: imported only by the modules that are about to use the value; nothing unsealed is stored, logged or shown.
"""

import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.sealing.keyring import DataKey
from common.sealing.seal import FORM, NONCE_BYTES, place_of


class UnsealError(Exception):
    """The value has been changed, was moved from another place, or was sealed with another key."""


def unseal(data_key: DataKey, sealed: bytes, *, workspace_id: uuid.UUID, environment: str, name: str) -> bytes:
    """Raises UnsealError."""
    head = len(FORM) + NONCE_BYTES
    if not sealed.startswith(FORM) or len(sealed) < head:
        raise UnsealError("The sealed value has a form that this release does not know.")
    try:
        place = place_of(workspace_id, environment, name)
        return AESGCM(data_key.secret).decrypt(sealed[len(FORM) : head], sealed[head:], place)
    except InvalidTag as error:
        raise UnsealError("The sealed value does not open here.") from error
