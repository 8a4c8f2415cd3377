"""Real clients and real servers, each with each, through one real gateway.

Rule: every client has seen everything before the first test looks; each test is one cell, and asserts what the answer
means, since an error text is an answer too.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from common.db import make_engine
from gateway.protocol.names import render_name
from tests.cast import make_settings, variables_of
from tests.conformance.node import require_npm
from tests.matrix.clients import ALL, BY_NAME, WITH_SDK, walk_all
from tests.matrix.plans import (
    REPORTS,
    RESOURCE,
    SLOW,
    WITH_PROMPTS,
    Call,
    all_steps,
    bad_call,
    good_call,
    header_call,
    nonce_of,
    plain_steps,
    prompt_call,
    questions,
)
from tests.matrix.upstreams import ERAS, FIXTURES, prompts_of, running_upstreams, tools_of
from tests.real.gateway import RealGateway
from tests.real.schema import migrate
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey

pytestmark = pytest.mark.slow

CLIENTS = [client.name for client in ALL]

# mcp-remote speaks 2026-07-28 with gaps: it puts no arguments into headers, and cancels by a notification that the
# revision does not have any more, where the end of the stream would do.
WITH_GAPS = ("remote-modern", "remote-bridging")
HEADER_MISMATCH = -32020

INVALID_PARAMS = -32602


@dataclass(frozen=True)
class Matrix:
    """What each client has seen, and the folder that the server `files` writes to."""

    seen: dict[str, dict[str, Any]] = field(repr=False)
    files: Path

    def at(self, client: str, step: str) -> dict[str, Any]:
        assert "steps" in self.seen[client], self.seen[client]["fault"]
        return self.seen[client]["steps"][step]

    def text(self, client: str, step: str, *, is_error: bool = False) -> str:
        seen = self.at(client, step)
        assert "result" in seen, seen
        assert bool(seen["result"].get("isError")) is is_error, seen
        return seen["result"]["content"][0]["text"]


@pytest.fixture(scope="module")
def matrix(valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Matrix]:
    """A workspace with all servers, and what all clients saw of it."""
    require_npm()
    folder = tmp_path_factory.mktemp("matrix")
    database = migrate(f"sqlite:///{folder}/stoa.db")
    engine = make_engine(database)
    tenants = Tenants(engine)
    workspace = tenants.add_workspace("matrix")
    # The matrix is not about the rate: a window of a millisecond is always empty again.
    variables = variables_of(make_settings(database, valkey.empty())) | {"STOA_RATE_WINDOW": "0.001"}
    # Two processes, so that what a client begins at one of them it goes on with at the other.
    gateway = RealGateway(folder, variables, processes=2)
    with running_upstreams(folder) as upstreams:
        for server in ERAS:
            tenants.add_server(workspace, upstreams.urls[server], prefix=server)
        gateway.start()
        plans = {
            name: list((all_steps if name in WITH_SDK else plain_steps)(name, upstreams.files)) for name in CLIENTS
        }
        url = f"{gateway.url}/ws/matrix"
        yield Matrix(walk_all(plans, url, tenants.add_token(workspace), folder), upstreams.files)
        gateway.stop()
    engine.dispose()


each_client = pytest.mark.parametrize("client", CLIENTS)
each_client_with_sdk = pytest.mark.parametrize("client", WITH_SDK)
each_server = pytest.mark.parametrize("server", ERAS)
each_fixture = pytest.mark.parametrize("server", FIXTURES)


@each_client
def test_a_client_speaks_the_newest_revision_that_it_is_told_to(matrix: Matrix, client: str) -> None:
    assert matrix.seen[client].get("revision") == BY_NAME[client].revision, matrix.seen[client]


@each_server
@each_client
def test_the_tools_of_a_server_are_listed_under_its_prefix(matrix: Matrix, client: str, server: str) -> None:
    expected = {render_name(server, tool) for tool in tools_of(server)}
    listed = [name for name in matrix.at(client, "list/tools")["names"] if name.startswith(f"{server}__")]
    assert sorted(listed) == sorted(expected)


@each_client
def test_nothing_is_listed_that_no_server_offers(matrix: Matrix, client: str) -> None:
    tools = {render_name(server, tool) for server in ERAS for tool in tools_of(server)}
    prompts = {render_name(server, prompt) for server in ERAS for prompt in prompts_of(server)}
    assert sorted(matrix.at(client, "list/tools")["names"]) == sorted(tools)
    assert sorted(matrix.at(client, "list/prompts")["names"]) == sorted(prompts)


@each_server
@each_client
def test_a_call_is_answered_by_the_tool_it_names(matrix: Matrix, client: str, server: str) -> None:
    nonce = nonce_of(client, server)
    assert good_call(server, nonce, matrix.files).says in matrix.text(client, f"call/{server}")
    if server == "files":
        assert (matrix.files / nonce).read_text() == nonce


@each_server
@each_client
def test_what_a_tool_calls_an_error_arrives_as_its_error(matrix: Matrix, client: str, server: str) -> None:
    assert bad_call(server, nonce_of(client, server)).says in matrix.text(client, f"error/{server}", is_error=True)


@each_server
@each_client_with_sdk
def test_a_tool_that_is_not_there_is_an_error_of_the_protocol(matrix: Matrix, client: str, server: str) -> None:
    error = matrix.at(client, f"unknown/{server}")["error"]
    assert error["code"] == INVALID_PARAMS
    assert f"{server}__no_such_tool" in error["message"]


@pytest.mark.parametrize("server", SLOW)
@each_client_with_sdk
def test_progress_arrives_in_order_and_before_the_answer(matrix: Matrix, client: str, server: str) -> None:
    assert SLOW[server].says in matrix.text(client, f"progress/{server}")
    assert matrix.at(client, f"progress/{server}")["progress"] == REPORTS[server]


@each_fixture
@each_client_with_sdk
def test_a_server_hears_that_its_call_is_cancelled(matrix: Matrix, client: str, server: str) -> None:
    assert matrix.at(client, f"cancel/{server}") == {"progress": [[0, 1, "waiting"]]}
    is_heard = matrix.text(client, f"cancelled/{server}") == "true"
    assert is_heard is (client not in WITH_GAPS)


@each_fixture
@each_client
def test_an_argument_that_stands_in_a_header_too_arrives_whole(matrix: Matrix, client: str, server: str) -> None:
    if client in WITH_GAPS:
        assert matrix.at(client, f"header/{server}")["error"]["code"] == HEADER_MISMATCH
    else:
        assert header_call(nonce_of(client, server)).says == matrix.text(client, f"header/{server}")


@pytest.mark.parametrize("kind", ["elicitation", "sampling"])
@each_fixture
@each_client_with_sdk
def test_what_a_server_asks_is_answered_by_the_client(matrix: Matrix, client: str, server: str, kind: str) -> None:
    asked: Call = questions(nonce_of(client, server))[kind]
    assert asked.says in matrix.text(client, f"{kind}/{server}")


@pytest.mark.parametrize("server", WITH_PROMPTS)
@each_client
def test_a_prompt_is_filled_in_by_its_server(matrix: Matrix, client: str, server: str) -> None:
    seen = matrix.at(client, f"prompt/{server}")
    assert "result" in seen, seen
    assert prompt_call(server, nonce_of(client, server)).says in seen["result"]["messages"][0]["content"]["text"]


@each_client
def test_a_resource_is_read_from_its_server(matrix: Matrix, client: str) -> None:
    uri, beginning = RESOURCE
    assert uri in matrix.at(client, "list/resources")["names"]
    assert matrix.at(client, "read")["result"]["contents"][0]["text"].startswith(beginning)
