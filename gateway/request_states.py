"""Request states: where a parked call is kept, sealed for its client.

Rule: a state opens only for the token and the very request for which it was made, and for ten minutes (MCP 2026-07-28
basic/patterns/mrtr, §Server Requirements). What was not sealed by one of our keys is a server's own, even where that
server is another Stoa: none of our business.
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

_FORM_NAME = "stoa1"
_NONCE_BYTES = 12
_FORM = struct.Struct(">12s32sq")  # and then the progress token


class StateRefused(Exception):
    """It claims to be ours, and was changed, has expired, or belongs to another token or request."""


class RequestState(NamedTuple):
    """`park` names the call in the process `boot`, `progress_token` (JSON) at its server; `expires` is in seconds since
    the epoch."""

    boot: str
    park: str
    expires: int
    progress_token: bytes = b""


class RequestStates:
    def __init__(self, master_keys: Sequence[bytes]) -> None:
        """The newest key seals; a state that an older one sealed still opens."""
        keys = [hmac.digest(key, b"stoa request state", "sha256") for key in master_keys]
        # A state says by which key it was sealed; 4 bytes of a keyed hash tell nothing of the key.
        self._ciphers = {f"{_FORM_NAME}.{hmac.digest(key, b'name', 'sha256')[:4].hex()}.": AESGCM(key) for key in keys}
        self._prefix = next(iter(self._ciphers))

    def is_ours(self, text: str) -> bool:
        return text[: len(self._prefix)] in self._ciphers

    def seal(self, state: RequestState, bound_to: bytes) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        plain = _FORM.pack(state.boot.encode(), state.park.encode(), state.expires) + state.progress_token
        sealed = self._ciphers[self._prefix].encrypt(nonce, plain, bound_to)
        return self._prefix + base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, text: str, bound_to: bytes, now: float) -> RequestState:
        """Raises StateRefused."""
        try:
            cipher = self._ciphers[text[: len(self._prefix)]]
            sealed = base64.b64decode(text[len(self._prefix) :], altchars=b"-_", validate=True)
            if base64.urlsafe_b64encode(sealed).decode() != text[len(self._prefix) :]:
                raise StateRefused  # two spellings of one state are one too many
            plain = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], bound_to)
        except (KeyError, binascii.Error, ValueError, InvalidTag):
            raise StateRefused from None
        boot, park, expires = _FORM.unpack_from(plain)
        if expires < now:
            raise StateRefused
        return RequestState(boot.decode(), park.decode(), expires, plain[_FORM.size :])
