"""Fixtures for the tests of `upstream`."""

from collections.abc import Iterator

import pytest

from tests.upstream.servers import Upstreams
from upstream.fake import FakeUpstream


@pytest.fixture
def upstream_at() -> Iterator[Upstreams]:
    upstreams = Upstreams()
    yield upstreams
    upstreams.close()


@pytest.fixture(params=["modern", "legacy"])
def fake(request: pytest.FixtureRequest) -> Iterator[FakeUpstream]:
    """A server of each era in turn."""
    with FakeUpstream(request.param) as server:
        yield server
