"""Authenticate: the token's form. Admission says whether it is alive.

Rule: only the Authorization header counts, on every request; a string that we cannot have minted costs no I/O.
"""

from common import tokens
from gateway.exchange import Exchange
from gateway.protocol.refusals import missing_token, unauthorized


def authenticate(exchange: Exchange) -> None:
    header = exchange.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        raise missing_token()
    scheme, _, text = header.partition(" ")
    digest = tokens.digest_of(text.strip()) if scheme.lower() == "bearer" else None
    if digest is None:
        raise unauthorized()
    exchange.digest = digest
