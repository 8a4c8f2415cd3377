"""Seal: encrypt a value for one place, where alone it opens.

Rule: AES-256-GCM with a random 96-bit nonce; workspace, environment and name are bound in as associated data, so
that a sealed value moved to another row does not open.
"""

import secrets
import struct
import uuid

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from common.sealing.keyring import DataKey

FORM = b"\x01"
NONCE_BYTES = 12


def seal(data_key: DataKey, plaintext: bytes, *, workspace_id: uuid.UUID, environment: str, name: str) -> bytes:
    """`environment` is '' for what holds in all of them."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    place = place_of(workspace_id, environment, name)
    return FORM + nonce + AESGCM(data_key.secret).encrypt(nonce, plaintext, place)


def place_of(workspace_id: uuid.UUID, environment: str, name: str) -> bytes:
    """The associated data: unambiguous, since every part says how long it is."""
    parts = [FORM, workspace_id.bytes, environment.encode(), name.encode()]
    return b"".join(struct.pack(">I", len(part)) + part for part in parts)
