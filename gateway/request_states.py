"""Request states: where a parked call is kept, sealed for its client.

Rule: a state opens only for the token and the very request for which it was made, and for ten minutes (MCP 2026-07-28
basic/patterns/mrtr, §Server Requirements). What does not begin like ours is a server's own and none of our business.
"""

import base64
import binascii
import hmac
import secrets
import struct
from collections.abc import Sequence
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PREFIX = "stoa1."
_NONCE_BYTES = 12
_FORM = struct.Struct(">12s32sq")


class StateRefused(Exception):
    """It claims to be ours, and was changed, has expired, or belongs to another token or request."""


class RequestState(NamedTuple):
    """`park` names the call in the process `boot`; `expires` is in seconds since the epoch."""

    boot: str
    park: str
    expires: int


class RequestStates:
    def __init__(self, master_keys: Sequence[bytes]) -> None:
        """The newest key seals; a state that an older one sealed still opens."""
        self._ciphers = [AESGCM(hmac.digest(key, b"stoa request state", "sha256")) for key in master_keys]

    def seal(self, state: RequestState, bound_to: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = _FORM.pack(state.boot.encode(), state.park.encode(), state.expires)
        sealed = self._ciphers[0].encrypt(nonce, plain, bound_to)
        return PREFIX + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, text: str, bound_to: bytes, now: float) -> RequestState:
        """Raises StateRefused."""
        try:
            sealed = base64.b64decode(text.removeprefix(PREFIX), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise StateRefused from None
        for cipher in self._ciphers:
            try:
                plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
            except (InvalidTag, ValueError):
                continue
            boot, park, expires = _FORM.unpack(plain)
            if expires < now:
                raise StateRefused
            return RequestState(boot.decode(), park.decode(), expires)
        raise StateRefused
