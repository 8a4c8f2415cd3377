"""What somebody typed about a server is fit to be tried, or refused by the name of the field."""

import pytest

from common.errors import Invalid
from common.models import ServerAuth, ServerSessions
from webapp.services.server_drafts import ServerDraft, read_draft

FIELDS = {
    "name": "GitHub",
    "prefix": "github",
    "url": "https://mcp.example.com/mcp",
    "auth": "none",
    "credentials": (),
    "sessions": "shared",
}


def read(**changes) -> ServerDraft:
    return read_draft(**{**FIELDS, **changes})


def test_a_draft_is_trimmed_and_its_address_has_one_spelling():
    draft = read(name=" GitHub ", prefix=" github ", url=" HTTPS://MCP.Example.COM:443 ")
    assert (draft.name, draft.prefix, draft.url) == ("GitHub", "github", "https://mcp.example.com/")
    assert draft.auth is ServerAuth.NONE


def test_a_bearer_token_becomes_the_header_that_it_is():
    draft = read(auth="bearer", credentials=[("", " ghp_secret ")])
    assert draft.headers == (("Authorization", "Bearer ghp_secret"),)


def test_headers_are_taken_as_they_are():
    draft = read(auth="headers", credentials=[("X-Api-Key", "one"), ("X-Team", " two words ")])
    assert draft.headers == (("X-Api-Key", "one"), ("X-Team", "two words"))


@pytest.mark.parametrize("sessions", list(ServerSessions))
def test_sessions_are_one_of_three(sessions: ServerSessions):
    assert read(sessions=sessions.value).sessions is sessions


@pytest.mark.parametrize("sessions", ["", "Token", "everybody"])
def test_other_sessions_are_refused_with_those_there_are(sessions: str):
    with pytest.raises(Invalid, match="one of shared, token, client") as refusal:
        read(sessions=sessions)
    assert refusal.value.field == "sessions"


def test_credentials_are_never_printed():
    assert "ghp_secret" not in repr(read(auth="bearer", credentials=[("", "ghp_secret")]))


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("name", {"name": ""}),
        ("name", {"name": "n" * 81}),
        ("prefix", {"prefix": "GitHub"}),
        ("prefix", {"prefix": "p" * 17}),
        ("prefix", {"prefix": "a_b"}),
        ("url", {"url": ""}),
        ("url", {"url": "github"}),
        ("url", {"url": "ftp://example.com/"}),
        ("url", {"url": "https://user:pass@example.com/"}),
        ("url", {"url": "https://example.com/#part"}),
        ("url", {"url": "https://example.com:99999/"}),
        ("url", {"url": f"https://example.com/{'x' * 2048}"}),
        ("auth", {"auth": "basic"}),
        ("credentials", {"credentials": [("X-Api-Key", "one")]}),
        ("credentials", {"auth": "bearer"}),
        ("credentials", {"auth": "bearer", "credentials": [("", " ")]}),
        ("credentials", {"auth": "bearer", "credentials": [("", "two words")]}),
        ("credentials", {"auth": "bearer", "credentials": [("", "one"), ("", "two")]}),
        ("credentials", {"auth": "headers"}),
        ("credentials", {"auth": "headers", "credentials": [("X-Api-Key", "")]}),
        ("credentials", {"auth": "headers", "credentials": [("Host", "elsewhere")]}),
        ("credentials", {"auth": "headers", "credentials": [("X-A", "a\r\nHost: elsewhere")]}),
        ("credentials", {"auth": "headers", "credentials": [("X A", "one")]}),
        ("credentials", {"auth": "headers", "credentials": [("X-A", "1"), ("x-a", "2")]}),
        ("credentials", {"auth": "headers", "credentials": [(f"X-{n}", "v") for n in range(21)]}),
    ],
)
def test_what_makes_no_sense_is_refused_by_the_name_of_its_field(field: str, changes):
    with pytest.raises(Invalid) as refusal:
        read(**changes)
    assert refusal.value.field == field
    assert "elsewhere" not in refusal.value.message
