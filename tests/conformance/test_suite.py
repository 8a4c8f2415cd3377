"""The official conformance suite: directly against the fixture, and through a gateway in front of it.

Rule: what passes is known by name. A scenario that passes and is still listed as missing fails the test as well, so
the list of what is missing only shrinks.
"""

from collections.abc import Iterator

import pytest

from tests.conformance.conftest import Stand
from tests.conformance.node import require_npm
from tests.conformance.proxy import bearer_proxy
from tests.conformance.suite import REVISIONS, Outcome, as_good, run

pytestmark = pytest.mark.slow

SLUG = "conformance"

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

# Its second check looks into streams. The gateway answers a list in JSON, as it may, and there is none.
ONE_CHECK_LESS = {"server-sse-multiple-streams": Outcome(1, ())}

# What the gateway cannot do yet, and why.
MISSING: dict[str, dict[str, str]] = {"2026-07-28": {}, "2025-11-25": {}}

Outcomes = dict[str, dict[str, Outcome]]


@pytest.fixture(scope="module")
def direct(both_eras: str) -> Outcomes:
    require_npm()
    return {revision: run(both_eras, revision) for revision in REVISIONS}


@pytest.fixture(scope="module")
def token(stand: Stand, both_eras: str) -> str:
    """Of a workspace whose only server is the fixture, without a prefix."""
    return stand.add_workspace(SLUG, both_eras)


@pytest.fixture(scope="module", params=[1, 4])
def gateway_url(request: pytest.FixtureRequest, stand: Stand, token: str) -> Iterator[str]:
    """The workspace at a gateway of so many processes, behind a proxy that brings the token."""
    gateway = stand.gateway(request.param)
    with bearer_proxy(f"{gateway.url}/ws/{SLUG}", token) as url:
        gateway.also({"STOA_GATEWAY_URL": url.removesuffix(f"/ws/{SLUG}")})
        gateway.start()
        yield url
        gateway.stop()


@pytest.mark.parametrize("revision", REVISIONS)
def test_the_fixture_passes_whatever_a_server_is_scored_by(direct: Outcomes, revision: str) -> None:
    assert as_good(direct[revision], direct[revision]) == set(SCENARIOS[revision].split())


@pytest.mark.parametrize("revision", REVISIONS)
def test_through_the_gateway_nothing_is_lost_but_what_is_known_to_be(
    direct: Outcomes, gateway_url: str, revision: str
) -> None:
    scenarios = set(SCENARIOS[revision].split())
    outcomes = run(gateway_url, revision)
    kept = as_good(outcomes, direct[revision] | ONE_CHECK_LESS) & scenarios
    lost = {name: outcomes.get(name) for name in scenarios - kept}
    assert lost.keys() == MISSING[revision].keys(), "".join(f"\n{name}: {one}" for name, one in lost.items())
