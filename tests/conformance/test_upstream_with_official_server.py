"""Both eras against a server that others wrote: the official `mcp` package over Streamable HTTP."""

import json
from collections.abc import Iterator

import msgspec
import pytest

from tests.upstream.servers import Upstreams, real_mcp_server, text_of
from upstream.client import Upstream


@pytest.fixture(scope="module", params=["modern", "legacy"])
def server(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """An era, and the URL of a server that is spoken to in it."""
    with real_mcp_server(request.param) as url:
        yield request.param, url


@pytest.fixture
def upstream(server: tuple[str, str]) -> Iterator[Upstream]:
    era, url = server
    upstreams = Upstreams()
    opened = upstreams(url).open()
    assert (opened.era, opened.name) == (era, "real")
    yield upstreams(url)
    upstreams.close()


def test_its_tools_are_listed(upstream: Upstream) -> None:
    assert [json.loads(tool)["name"] for tool in upstream.list_tools()] == ["add", "count"]


def test_its_tools_are_called(upstream: Upstream) -> None:
    params = {"name": msgspec.Raw(b'"add"'), "arguments": msgspec.Raw(b'{"a":2,"b":3}')}
    assert text_of(upstream.call("tools/call", params).response()) == "5"


def test_progress_arrives_as_events(upstream: Upstream) -> None:
    params = {"name": msgspec.Raw(b'"count"'), "arguments": msgspec.Raw(b'{"steps":3}')}
    reply = upstream.call("tools/call", params, meta={"progressToken": msgspec.Raw(b'"p1"')})
    assert reply.events is not None
    *told, response = reply.events
    reply.close()
    assert [json.loads(bytes(event["params"]))["progress"] for event in told] == [1, 2, 3]
    assert text_of(response) == "counted"


def test_an_unknown_tool_is_an_answer_and_no_fault(upstream: Upstream) -> None:
    message = upstream.call("tools/call", {"name": msgspec.Raw(b'"nope"')}).response()
    assert b"nope" in bytes(message.get("error") or message["result"])


def test_a_name_beyond_ascii_survives_its_header(upstream: Upstream) -> None:
    message = upstream.call("tools/call", {"name": msgspec.Raw('"höhe"'.encode())}).response()
    assert "höhe" in json.dumps(json.loads(bytes(message.get("error") or message["result"])), ensure_ascii=False)
