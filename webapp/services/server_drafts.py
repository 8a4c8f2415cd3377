"""Drafts of servers: what somebody typed, found good enough to be tried.

Rule: judges form only. Whether the address may be reached is judged when it is, by `upstream`. Pure.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from common.errors import Invalid
from common.models import ServerAuth, ServerSessions
from common.models.server import CONNECT_TIMEOUT, NAME_LENGTH, TIMEOUT
from upstream.faults import UpstreamFault
from upstream.target import Target, parse_url, render_headers
from webapp.services import texts

MAX_HEADERS = 20

_PREFIX = re.compile(r"[a-z0-9-]{1,16}")

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ServerDraft:
    """`headers` are the credentials in clear, on their way to being sealed: never printed."""

    name: str
    prefix: str
    url: str
    auth: ServerAuth
    headers: Headers = field(repr=False)
    connect_timeout: int = CONNECT_TIMEOUT
    timeout: int = TIMEOUT
    sessions: ServerSessions = ServerSessions.SHARED

    def target(self, *, allow_http: bool) -> Target:
        return Target(
            url=self.url,
            headers=self.headers,
            connect_timeout=self.connect_timeout,
            timeout=self.timeout,
            allow_http=allow_http,
        )


def read_draft(
    *, name: str, prefix: str, url: str, auth: str, credentials: Sequence[tuple[str, str]], sessions: str
) -> ServerDraft:
    """Raises Invalid naming the field. `credentials` as `servers.plan_server` takes them."""
    if auth not in list(ServerAuth):
        raise Invalid(f"A server authenticates by one of {', '.join(ServerAuth)}.", "auth")
    if sessions not in list(ServerSessions):
        raise Invalid(f"Sessions with a server are one of {', '.join(ServerSessions)}.", "sessions")
    return ServerDraft(
        name=texts.read_name(name, maximum=NAME_LENGTH),
        prefix=_read_prefix(prefix),
        url=_read_url(url),
        auth=ServerAuth(auth),
        headers=_read_headers(ServerAuth(auth), credentials),
        sessions=ServerSessions(sessions),
    )


def _read_prefix(text: str) -> str:
    prefix = text.strip()
    if prefix and _PREFIX.fullmatch(prefix) is None:
        raise Invalid("The prefix has up to 16 lower-case letters, digits and hyphens, such as github.", "prefix")
    return prefix


def _read_url(text: str) -> str:
    """The URL with scheme and host in lower case, so that one server has one spelling."""
    url = text.strip()
    try:
        place = parse_url(url)
    except UpstreamFault as fault:
        raise Invalid(fault.sentence, "url") from None
    return f"{'https' if place.is_tls else 'http'}://{place.authority}{place.path}"


def _read_headers(auth: ServerAuth, credentials: Sequence[tuple[str, str]]) -> Headers:
    if auth is ServerAuth.NONE:
        if credentials:
            raise Invalid("A server without authentication takes no credentials.", "credentials")
        return ()
    if auth is ServerAuth.BEARER:
        secret = credentials[0][1].strip() if len(credentials) == 1 else ""
        if not secret or any(character.isspace() for character in secret):
            raise Invalid("Give the bearer token, in one piece.", "credentials")
        headers: Headers = (("Authorization", f"Bearer {secret}"),)
    else:
        headers = tuple((name.strip(), value.strip()) for name, value in credentials)
        if not 1 <= len(headers) <= MAX_HEADERS or not all(value for _, value in headers):
            raise Invalid(f"Give 1 to {MAX_HEADERS} headers, each with a value.", "credentials")
        if len({name.lower() for name, _ in headers}) != len(headers):
            raise Invalid("Each header can be given once.", "credentials")
    try:
        render_headers(headers)
    except UpstreamFault as fault:
        raise Invalid(fault.sentence, "credentials") from None
    return headers
