"""Whatever the fixture offers, used through a gateway: what arrives is what was sent, from either era to either era.

Rule: the suite is content with much that is wrong (an error's text is a text as well); here each answer is known word
for word. What is not there yet is known by name, and that list only shrinks.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import Any

import pytest
from mcp.shared.exceptions import MCPError

from tests.conformance.conftest import Stand
from tests.conformance.guest import LEVEL, MODEL, ROOT, Guest
from tests.conformance.offers.asking import SIGN_IN
from tests.conformance.offers.contents import CONTACT, PNG, WAV
from tests.conformance.offers.resources import WATCHED
from tests.conformance.offers.sessions import LEVELS
from tests.real.gateway import RealGateway

pytestmark = [
    pytest.mark.slow,
    # What 2026-07-28 deprecates is what older clients use.
    pytest.mark.filterwarnings("ignore::mcp.shared.exceptions.MCPDeprecationWarning"),
]

LEGACY, MODERN = "legacy", "2026-07-28"

# How long a change may take to reach a stream that is open.
SECONDS_TO_HEAR = 2.0

# The gateway looks once a second which clients have gone, among those whose call has taken a second already.
SECONDS_TO_GIVE_UP = 4.0

NAME = "fill in name: What is your name?"
OK = "fill in ok: Please confirm"
ACCEPTED = "action=accept, content="
DEFAULTS = "{'name': 'John Doe', 'age': 30, 'score': 95.5, 'status': 'active', 'verified': True}"
CHOICES = (
    "{'untitledSingle': 'option1', 'titledSingle': 'value1', 'legacyEnum': 'opt1', "
    "'untitledMulti': ['option1'], 'titledMulti': ['value1']}"
)
SEVERE = [f"{level}: This is {level}" for level in LEVELS[LEVELS.index(LEVEL) :]]

TOOLS: dict[str, tuple[dict[str, Any], str]] = {
    "test_simple_text": ({}, "This is a simple text response for testing."),
    "test_image_content": ({}, f"image/png {PNG}"),
    "test_audio_content": ({}, f"audio/wav {WAV}"),
    "test_embedded_resource": ({}, "test://embedded-resource text/plain This is an embedded resource content."),
    "test_multiple_content_types": (
        {},
        f"Multiple content types test:, image/png {PNG}, "
        'test://mixed-content-resource application/json {"value": 123}',
    ),
    "test_error_handling": (
        {},
        "failed | Error executing tool test_error_handling: This tool intentionally returns an error for testing",
    ),
    "test_x_mcp_header": ({"region": "höhe "}, "The region is höhe "),
    "json_schema_2020_12_tool": ({"name": "Ada", "phone": "1"}, "Ada can be reached at 1"),
    "test_tool_with_progress": ({}, "0/100 | 50/100 | 100/100 | Went from 0 to 100."),
    "test_tool_with_logging": ({}, "Logged three messages."),
    "test_every_log_level": ({}, " | ".join([*SEVERE, "Logged 8 messages."])),
    "test_sampling": ({"prompt": "Where?"}, f"sample Where? | {MODEL}"),
    "test_elicitation": (
        {"message": "Who?"},
        f"fill in email,username: Who? | {ACCEPTED}{{'username': 'Ada', 'email': 'Ada'}}",
    ),
    "test_elicitation_url": ({}, f"visit {SIGN_IN} | {ACCEPTED}{{}}"),
    "test_elicitation_sep1034_defaults": (
        {},
        f"fill in age,name,score,status,verified: Who are you? | {ACCEPTED}{DEFAULTS}",
    ),
    "test_elicitation_sep1330_enums": (
        {},
        "fill in legacyEnum,titledMulti,titledSingle,untitledMulti,untitledSingle: What do you choose? | "
        f"{ACCEPTED}{CHOICES}",
    ),
    "test_streaming_elicitation": ({}, f"fill in ok: Shall it go on? | 1/2 | {ACCEPTED}{{'ok': True}}"),
    "test_missing_capability": ({}, f"sample Say anything | {MODEL}"),
    "test_input_required_result_elicitation": ({}, f"{NAME} | Hello, Ada!"),
    "test_input_required_result_sampling": ({}, f"sample What is the capital of France? | {MODEL}"),
    "test_input_required_result_list_roots": ({}, f"list roots | {ROOT}"),
    "test_input_required_result_request_state": ({}, f"{OK} | state-ok"),
    "test_input_required_result_tampered_state": ({}, f"{OK} | state-ok"),
    "test_input_required_result_multiple_inputs": (
        {},
        f"{NAME} | list roots | sample Write a greeting | {ACCEPTED}{{'name': 'Ada'}}; {MODEL}; {ROOT}",
    ),
    "test_input_required_result_capabilities": (
        {},
        f"{NAME} | list roots | sample Write a greeting | {ACCEPTED}{{'name': 'Ada'}}; {MODEL}; {ROOT}",
    ),
    "test_input_required_result_multi_round": (
        {},
        "fill in color: Step 2: what is your favourite colour? | fill in name: Step 1: what is your name? | "
        "the name is Ada, the colour is Ada",
    ),
}

EMBEDDED = "test://embedded text/plain Embedded resource content for testing."
PROMPTS: dict[str, tuple[dict[str, str], str]] = {
    "test_simple_prompt": ({}, "This is a simple prompt for testing."),
    "test_prompt_with_arguments": ({"arg1": "a", "arg2": "b"}, "Prompt with arguments: arg1='a', arg2='b'"),
    "test_prompt_with_embedded_resource": (
        {"resourceUri": "test://embedded"},
        f"{EMBEDDED}, Please process the embedded resource above.",
    ),
    "test_prompt_with_image": ({}, f"image/png {PNG}, Please analyze the image above."),
    "test_input_required_result_prompt": (
        {},
        "fill in context: What is it about? | Please think about Ada.",
    ),
}

RESOURCES = {
    "test://static-text": "test://static-text text/plain This is the content of the static text resource.",
    "test://static-binary": f"test://static-binary image/png {PNG}",
    "test://template/7/data": 'test://template/7/data application/json {"id": "7", "templateTest": true, '
    '"data": "Data for ID: 7"}',
}

# What changes the lists and the watched resource, and what whoever has asked for it is told then.
CHANGES = {
    "test_trigger_tool_change": "tools/list_changed",
    "test_trigger_prompt_change": "prompts/list_changed",
    "test_trigger_resource_change": "resources/list_changed",
    "test_trigger_resource_update": "resources/updated",
}

# The era of the client, then that of the server. A legacy client is asked on the stream of its call.
CELLS = ("legacy to legacy", "legacy to modern", "modern to legacy", "modern to modern")

# What does not arrive, and why.
MISSING: dict[str, dict[str, str]] = {cell: {} for cell in CELLS}


@pytest.fixture(scope="module")
def tokens(stand: Stand, legacy_only: str, modern_only: str) -> dict[str, str]:
    """By cell, the token of a workspace whose only server is of the cell's era."""
    urls = {"legacy": legacy_only, "modern": modern_only}
    return {cell: stand.add_workspace(slug_of(cell), urls[cell.split()[-1]]) for cell in CELLS}


@pytest.fixture(scope="module")
def gateway(stand: Stand) -> Iterator[RealGateway]:
    """Of several processes, any of which may get what belongs to a call of another."""
    gateway = stand.gateway(processes=4)
    gateway.start()
    yield gateway
    gateway.stop()


@pytest.mark.parametrize("mode", [LEGACY, MODERN])
def test_without_a_gateway_everything_arrives(both_eras: str, mode: str) -> None:
    assert asyncio.run(lost(both_eras, "", mode)) == {}


@pytest.mark.parametrize("cell", CELLS)
def test_through_the_gateway_everything_arrives_but_what_is_known_not_to(
    cell: str, gateway: RealGateway, tokens: dict[str, str]
) -> None:
    mode = LEGACY if cell.startswith("legacy") else MODERN
    missing = asyncio.run(lost(f"{gateway.url}/ws/{slug_of(cell)}", tokens[cell], mode))
    assert missing.keys() == MISSING[cell].keys(), "".join(f"\n{name}: {got}" for name, got in missing.items())


def slug_of(cell: str) -> str:
    return cell.replace(" ", "-")


async def lost(url: str, token: str, mode: str) -> dict[str, str]:
    """By name, what a client got in place of what it should have."""
    async with Guest().at(url, token, mode) as guest:
        missing = await lost_from_lists(guest)
        if mode == LEGACY:
            missing |= await refused("logging/setLevel", guest.client.set_logging_level(LEVEL))
        for name, (arguments, expected) in TOOLS.items():
            if (got := await guest.call(name, arguments)) != expected:
                missing[name] = got
        for name, (texts, expected) in PROMPTS.items():
            if (got := await guest.prompt(name, texts)) != expected:
                missing[name] = got
        for uri, expected in RESOURCES.items():
            if (got := await guest.read(uri)) != expected:
                missing[uri] = got
        if not await guest.gives_up(SECONDS_TO_GIVE_UP):
            missing["giving up"] = "the server went on with the call"
        return missing | await refused("listening", unheard(guest, mode))


async def lost_from_lists(guest: Guest) -> dict[str, str]:
    tools = {tool.name: tool for tool in (await guest.client.list_tools()).tools}
    prompts = {prompt.name for prompt in (await guest.client.list_prompts()).prompts}
    resources = {str(resource.uri) for resource in (await guest.client.list_resources()).resources}
    templates = [one.uri_template for one in (await guest.client.list_resource_templates()).resource_templates]
    completed = await guest.complete("test_prompt_with_arguments", "arg1", "par")
    looks = {
        "tools/list": TOOLS.keys() <= tools.keys() and tools["json_schema_2020_12_tool"].input_schema == CONTACT,
        "prompts/list": PROMPTS.keys() <= prompts,
        "resources/list": {"test://static-text", "test://static-binary", WATCHED} <= resources,
        "resources/templates/list": templates == ["test://template/{id}/data"],
        "completion/complete": completed == ["paris", "park", "party"],
    }
    return {name: "something else" for name, is_good in looks.items() if not is_good}


async def unheard(guest: Guest, mode: str) -> dict[str, str]:
    missing: dict[str, str] = {}
    async with guest.listening(WATCHED, mode):
        for trigger, expected in CHANGES.items():
            await guest.call(trigger, {})
            if not await guest.hears(expected, SECONDS_TO_HEAR):
                missing[trigger] = f"heard {guest.told}"
    return missing


async def refused(what: str, attempt: Awaitable[object]) -> dict[str, str]:
    """What the attempt is missing itself, or that it was refused as a whole."""
    try:
        missing = await attempt
    except MCPError as error:
        return {what: f"refused ({error.code}): {error.message}"}
    return missing if isinstance(missing, dict) else {}
