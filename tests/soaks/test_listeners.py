from collections.abc import Iterator
from pathlib import Path

import pytest

from soaks import Wrong
from soaks.calls import Address
from soaks.listeners import Listeners
from soaks.servers import SoakedServer
from soaks.streams import ERAS


@pytest.fixture(params=ERAS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SoakedServer]:
    with SoakedServer("one", request.param, tmp_path) as started:
        yield started


def test_every_stream_hears_of_each_change_once(server: SoakedServer):
    with Listeners(Address(server.port, "/mcp"), server.era) as listeners:
        listeners.open(["token"] * 20, seconds=10)
        for count in (1, 2):
            server.change()
            assert listeners.until(lambda: all(len(s.changes) == count for s in listeners.streams), 10)  # noqa: B023 — called at once
        assert not any(stream.wrong or stream.ended for stream in listeners.streams)


def test_a_stream_whose_server_has_gone_has_ended(server: SoakedServer):
    with Listeners(Address(server.port, "/mcp"), server.era) as listeners:
        listeners.open(["token"] * 3, seconds=10)
        server.kill()
        assert listeners.until(lambda: all(stream.ended for stream in listeners.streams), 10)


def test_a_stream_that_is_refused_says_why(server: SoakedServer):
    other = next(era for era in ERAS if era != server.era)
    with Listeners(Address(server.port, "/mcp"), other) as listeners, pytest.raises(Wrong, match="status 400"):
        listeners.open(["token"], seconds=10)
