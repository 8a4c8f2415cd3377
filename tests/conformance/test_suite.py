"""The official conformance suite: directly against the fixture, and through a gateway in front of it.

Rule: what passes is known by name. A scenario that passes and is still listed as missing fails the test as well, so
the list of what is missing only shrinks.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from common.db import make_engine
from local.ports import free_port
from tests.cast import make_settings, variables_of
from tests.conformance.node import require_npm
from tests.conformance.proxy import bearer_proxy
from tests.conformance.suite import REVISIONS, Outcome, as_good, run
from tests.real.gateway import RealGateway
from tests.real.processes import RealProcess
from tests.real.schema import migrate
from tests.real.tenants import Tenants
from tests.real.valkey import RealValkey

pytestmark = pytest.mark.slow

IN_BOTH = """
completion-complete dns-rebinding-protection json-schema-2020-12
prompts-get-embedded-resource prompts-get-simple prompts-get-with-args prompts-get-with-image prompts-list
resources-list resources-read-binary resources-read-text resources-templates-read server-sse-multiple-streams
tools-call-audio tools-call-embedded-resource tools-call-error tools-call-image tools-call-mixed-content
tools-call-simple-text tools-call-with-progress tools-list
"""

# All that a revision is scored by, and what the suite runs beside it and the fixture can do as well.
SCENARIOS = {
    "2026-07-28": f"""{IN_BOTH}
caching http-custom-header-server-validation http-header-validation
input-required-result-basic-elicitation input-required-result-basic-list-roots input-required-result-basic-sampling
input-required-result-capability-check input-required-result-ignore-extra-params
input-required-result-missing-input-response input-required-result-multi-round
input-required-result-multiple-input-requests input-required-result-non-tool-request
input-required-result-request-state input-required-result-result-type input-required-result-tampered-state
input-required-result-unsupported-methods input-required-result-validate-input
sep-2164-resource-not-found server-stateless
""",
    "2025-11-25": f"""{IN_BOTH}
elicitation-sep1034-defaults elicitation-sep1330-enums logging-set-level ping resources-subscribe
resources-unsubscribe server-initialize server-session-lifecycle tools-call-elicitation tools-call-sampling
tools-call-with-logging
""",
}

NO_SESSIONS = "legacy clients are not given a session"
NO_QUESTIONS = "a server's question does not reach a legacy client, which would have to be asked on the stream"
NO_LEVELS = "logging/setLevel is refused"
NO_SUBSCRIPTIONS = "resources/subscribe is refused"

# What the gateway cannot do yet, and why.
MISSING = {
    "2026-07-28": {
        "server-stateless": "no list_changed is declared",
    },
    "2025-11-25": {
        "elicitation-sep1034-defaults": NO_QUESTIONS,
        "elicitation-sep1330-enums": NO_QUESTIONS,
        "logging-set-level": NO_LEVELS,
        "resources-subscribe": NO_SUBSCRIPTIONS,
        "resources-unsubscribe": NO_SUBSCRIPTIONS,
        "server-initialize": NO_SESSIONS,
        "server-session-lifecycle": NO_SESSIONS,
        "server-sse-multiple-streams": NO_SESSIONS,
        "tools-call-elicitation": NO_QUESTIONS,
        "tools-call-sampling": NO_QUESTIONS,
        "tools-call-with-logging": NO_LEVELS,
    },
}

Outcomes = dict[str, dict[str, Outcome]]


@pytest.fixture(scope="module")
def fixture_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    require_npm()
    port = free_port()
    url = f"http://127.0.0.1:{port}/mcp"
    command = [sys.executable, "-m", "tests.conformance.fixture", "--port", str(port)]
    server = RealProcess(command, {}, tmp_path_factory.mktemp("fixture") / "fixture.log", url)
    server.start()
    yield url
    server.stop()


@pytest.fixture(scope="module")
def direct(fixture_url: str) -> Outcomes:
    return {revision: run(fixture_url, revision) for revision in REVISIONS}


@pytest.fixture(scope="module")
def gateway_url(fixture_url: str, valkey: RealValkey, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A workspace with the fixture as its only server, without a prefix and behind a proxy that brings the token."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    database = migrate(f"sqlite:///{folder}/stoa.db")
    engine = make_engine(database)
    tenants = Tenants(engine)
    workspace = tenants.add_workspace("conformance")
    tenants.add_server(workspace, fixture_url)
    # The suite is not about the rate: a window of a millisecond is always empty again.
    variables = variables_of(make_settings(database, valkey.empty())) | {"STOA_RATE_WINDOW": "0.001"}
    gateway = RealGateway(folder, variables)
    with bearer_proxy(f"{gateway.url}/ws/conformance", tenants.add_token(workspace)) as url:
        gateway.also({"STOA_GATEWAY_URL": url.removesuffix("/ws/conformance")})
        gateway.start()
        yield url
        gateway.stop()
    engine.dispose()


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_fixture_passes_whatever_a_server_is_scored_by(direct: Outcomes, revision: str) -> None:
    assert as_good(direct[revision], direct[revision]) == set(SCENARIOS[revision].split())


@pytest.mark.parametrize("revision", REVISIONS)
def test_through_the_gateway_nothing_is_lost_but_what_is_known_to_be(
    direct: Outcomes, gateway_url: str, revision: str
) -> None:
    scenarios = set(SCENARIOS[revision].split())
    outcomes = run(gateway_url, revision)
    kept = as_good(outcomes, direct[revision]) & scenarios
    lost = {name: outcomes.get(name) for name in scenarios - kept}
    assert lost.keys() == MISSING[revision].keys(), lost
