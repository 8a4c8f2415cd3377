"""The sign-in throttle: how often a password may be tried.

Rule: counted per address and per e-mail address, before the password is looked at, so that attempts in parallel count
too; a success clears the count of its e-mail address. Fails closed: without Redis nobody signs in. Keeps hashes only,
and forgets them after the window.
"""

import hashlib
from contextlib import suppress
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Any

from common import redis_keys
from common.admission.line import Command, connect, send_twice
from common.errors import TooManyAttempts, Unavailable

WINDOW_SECONDS = 900  # a quarter of an hour: a forgotten password is found by then, and a guesser gains nothing
PER_EMAIL = 10
PER_ADDRESS = 50  # an office may sit behind one address


class Throttle:
    def __init__(self, redis_url: str) -> None:
        self._client = connect(redis_url)

    def count(self, *, address: str, email: str) -> None:
        """Take one attempt. Raises TooManyAttempts, or Unavailable when it cannot be counted."""
        counts = ((_key("address", _network(address)), PER_ADDRESS), (_email_key(email), PER_EMAIL))
        commands: list[Command] = []
        for key, _ in counts:
            commands += [("INCR", key), ("EXPIRE", key, WINDOW_SECONDS, "NX"), ("TTL", key)]
        answers = self._send(commands)
        attempts, waits = answers[::3], answers[2::3]
        too_long = [wait for (_, allowed), taken, wait in zip(counts, attempts, waits, strict=True) if taken > allowed]
        if too_long:
            raise TooManyAttempts(max(1, *too_long))

    def clear(self, email: str) -> None:
        """Forget the attempts on an e-mail address, after its owner has signed in."""
        # The count expires by itself: who has just signed in shall not be kept out because this failed.
        with suppress(Unavailable):
            self._send([("DEL", _email_key(email))])

    def ping(self) -> None:
        """Raises Unavailable when Redis does not answer."""
        self._send([("PING",)])

    def _send(self, commands: list[Command]) -> list[Any]:
        # An attempt whose first answer was lost may count twice: the guesser's loss, and rare for anybody else.
        return send_twice(self._client, commands, "Signing in is not possible for a moment. Try again shortly.")


def _email_key(email: str) -> str:
    return _key("email", email.strip().lower())


def _network(address: str) -> str:
    """An IPv6 customer holds at least a /64: its addresses count as one.

    IPv4 as a listener for both sees it (`::ffff:192.0.2.1`) is IPv4: in one /64 are all addresses there are.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or ip_network((parsed, 64), strict=False))
    return str(parsed)


def _key(kind: str, text: str) -> str:
    return redis_keys.sign_in_attempts(kind, hashlib.sha256(text.encode()).hexdigest())
