"""Passwords: hashed with argon2id, and checked in constant time.

Rule: checking takes as long whether or not somebody has a password; none is ever kept, logged or
compared in clear. Takes tens of milliseconds on purpose: hash before the first statement of a writing transaction.
"""

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from common.errors import Invalid

MINIMUM = 10
MAXIMUM = 200

# OWASP Password Storage Cheat Sheet: argon2id with 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)

# The hash of a random text that nobody knows, made with the parameters above.
_NOBODY = "$argon2id$v=19$m=19456,t=2,p=1$HTf8n6DQL4XGPwpl2NO7OA$nlsfsn9RQbojmAXnopm9f1hdUksgwhpvZ/zsrqo4O5o"


def hash_password(password: str, field: str = "password") -> str:
    if not MINIMUM <= len(password) <= MAXIMUM:
        raise Invalid(f"The password must have {MINIMUM} to {MAXIMUM} characters.", field)
    return _hasher.hash(password.encode("utf-8", "surrogatepass"))


def is_password(stored: str | None, password: str) -> bool:
    """Whether this is the password of that hash. None, for nobody's, takes as long and is never true."""
    if len(password) > MAXIMUM:
        return False
    try:
        return _hasher.verify(stored or _NOBODY, password.encode("utf-8", "surrogatepass")) and stored is not None
    except (VerificationError, InvalidHashError):
        return False
