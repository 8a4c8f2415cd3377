"""The official conformance suite for clients: its servers behind a gateway, which is the client that they judge.

Rule: what passes is known by name and by how many checks it takes, for a scenario that nothing was asked of passes as
well. OAuth is not spoken to servers: the scenarios that are all about it (`auth/…`) are left out.
"""

import os
import shlex
import sys
from collections.abc import Iterator
from uuid import uuid4

import pytest

from common.models import ServerSessions
from tests.conformance.conftest import Stand
from tests.conformance.desk import desk
from tests.conformance.node import require_npm
from tests.conformance.suite import REVISIONS, Outcome, run_clients
from tests.real.gateway import RealGateway

pytestmark = pytest.mark.slow

AS_CLIENT = f"{shlex.quote(sys.executable)} -m tests.conformance.as_client"

# The suite hands its command to a shell. Nothing is started for what is left out.
COMMAND = f'test "${{MCP_CONFORMANCE_SCENARIO%/*}}" = auth || exec {AS_CLIENT}'

# By scenario, how many checks are successful when everything in it has been exercised.
SCENARIOS: dict[str, dict[str, int]] = {
    "2026-07-28": {
        "http-custom-headers": 18,
        "http-invalid-tool-headers": 12,
        "http-standard-headers": 9,
        "json-schema-2020-12-preservation": 9,
        "json-schema-ref-no-deref": 1,
        "request-metadata": 5,
        "sep-2322-client-request-state": 5,
        "tools_call": 2,
    },
    "2025-11-25": {
        "elicitation-sep1034-client-defaults": 5,
        "initialize": 1,
        "json-schema-2020-12-preservation": 9,
        "sse-retry": 3,
        "tools_call": 2,
    },
}


@pytest.fixture(scope="module")
def gateway(stand: Stand) -> Iterator[RealGateway]:
    require_npm()
    gateway = stand.gateway()
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_gateway_is_the_client_that_the_suite_wants(gateway: RealGateway, stand: Stand, revision: str) -> None:
    def register(server_url: str) -> tuple[str, str]:
        slug = f"suite-{uuid4().hex[:12]}"
        return f"{gateway.url}/ws/{slug}", stand.add_workspace(slug, server_url, ServerSessions.CLIENT)

    with desk(register) as url:
        outcomes = run_clients(COMMAND, revision, {**os.environ, "DESK_URL": url})
    wanted = SCENARIOS[revision]
    assert {name for name in outcomes if not name.startswith("auth/")} == wanted.keys()
    failed = {name: outcomes[name] for name, checks in wanted.items() if not _passes(outcomes[name], checks)}
    assert not failed, "".join(f"\n{name}: {one}" for name, one in failed.items())


def _passes(outcome: Outcome, checks: int) -> bool:
    return not outcome.faults and outcome.successes >= checks
