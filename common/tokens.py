"""Gateway tokens: `mwt_`, 48 random hex digits, 8 of CRC-32 over these.

Rule: a mistyped or random string is refused without any I/O; only the SHA-256 is ever stored.
Pure but for the randomness of `mint`.
"""

import re
import secrets
from binascii import crc32
from dataclasses import dataclass, field
from hashlib import sha256

PREFIX = "mwt_"
LENGTH = 60
DISPLAY_LENGTH = 8

_FORM = re.compile(r"mwt_[0-9a-f]{56}")


@dataclass(frozen=True, slots=True)
class Minted:
    """`plaintext` is shown once and kept nowhere; `digest` (32 bytes) and `display` are what is stored."""

    plaintext: str = field(repr=False)
    digest: bytes
    display: str


def mint() -> Minted:
    body = PREFIX + secrets.token_hex(24)
    plaintext = f"{body}{crc32(body.encode()):08x}"
    return Minted(plaintext, sha256(plaintext.encode()).digest(), plaintext[:DISPLAY_LENGTH])


def digest_of(text: str) -> bytes | None:
    """The SHA-256 of a well-formed token; None for anything that we cannot have minted."""
    if len(text) != LENGTH or _FORM.fullmatch(text) is None:
        return None
    encoded = text.encode()
    if crc32(encoded[:-8]) != int(encoded[-8:], 16):
        return None
    return sha256(encoded).digest()
