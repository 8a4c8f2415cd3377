"""What is kept of what a server says of itself."""

import msgspec
import pytest

from tests.upstream.servers import ECHO, Shelf, Upstreams
from upstream.eras import LEGACY_VERSIONS, META_SERVER, MODERN_VERSION
from upstream.fake import FakeUpstream
from upstream.fake_turns import Turn
from upstream.opened import MAX_NAME
from upstream.parties import NOBODY

MUCH = "x" * 100_000
CLAIMS: dict[str, set[str]] = {
    "{}": set(),
    '{"tools":{}}': {"tools"},
    '{"tools":{"listChanged":true},"resources":{"subscribe":true,"listChanged":false},"logging":{}}': {
        "tools",
        "tools.listChanged",
        "resources",
        "resources.subscribe",
        "logging",
    },
    '{"tools":{"listChanged":1,"subscribe":true},"logging":true}': {"tools", "logging"},
    '{"prompts":[],"experimental":{"x":{}},"completions":{}}': {"prompts"},
    "[]": set(),
    '"tools"': set(),
    "null": set(),
}


@pytest.mark.parametrize("capabilities", CLAIMS)
def test_a_server_can_what_it_claims(capabilities: str, fake: FakeUpstream, upstream_at: Upstreams) -> None:
    fake.capabilities = msgspec.json.decode(capabilities)
    opened = upstream_at(fake.url).open()
    assert opened.claims == CLAIMS[capabilities]
    for claim in ("tools", "tools.listChanged", "resources.subscribe", "prompts", "logging"):
        assert opened.can(*claim.split(".")) == (claim in CLAIMS[capabilities])


def say_much(turn: Turn) -> None:
    identity = {"name": MUCH, "version": MUCH}
    said = {"capabilities": {"tools": {MUCH: MUCH}, "experimental": {MUCH: MUCH}, MUCH: {}}, "instructions": MUCH}
    if turn.request.method == "initialize":
        result = {"protocolVersion": LEGACY_VERSIONS[0], "serverInfo": identity, **said}
        turn.respond(result=result, session=turn.server.open_session({}))
    else:
        turn.respond(result={"supportedVersions": [MODERN_VERSION], "_meta": {META_SERVER: identity}, **said})


def test_a_server_that_says_much_of_itself_has_little_kept(fake: FakeUpstream, upstream_at: Upstreams) -> None:
    """For it is kept for each party, here and in the store."""
    fake.script("server/discover" if fake.era == "modern" else "initialize", say_much)
    shelf = Shelf()
    upstream = upstream_at(fake.url, store=shelf)
    upstream.call("tools/call", ECHO).close()
    opened = upstream.open()
    assert (opened.claims, len(opened.name)) == ({"tools"}, MAX_NAME)
    assert len(msgspec.json.encode(opened)) < 1024
    if fake.era == "legacy":
        assert len(shelf.kept[NOBODY].opened) < 1024


def test_another_process_knows_what_the_server_can(upstream_at: Upstreams) -> None:
    shelf = Shelf()
    with FakeUpstream("legacy", live=True) as fake:
        one, other = (upstream_at(fake.url, store=shelf) for _ in range(2))
        assert one.open() == other.open()
        assert other.open().can("resources", "subscribe")
        assert fake.count("initialize") == 1
