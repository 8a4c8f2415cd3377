"""What every client is asked to do with every server, and what has to come of it.

Rule: an answer is told from every other by a nonce where the tool gives it back, so that no client can be shown
what belongs to another. Steps are plain JSON, for they are walked in several languages.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from gateway.protocol.names import render_name
from tests.matrix.upstreams import ENTITY, ERAS, FIXTURES

Step = dict[str, Any]
Arguments = dict[str, Any]

KINDS = ("tools", "prompts", "resources")


class Call(NamedTuple):
    """A call of a tool or of a prompt, and words that its answer has to hold."""

    name: str
    arguments: Arguments
    says: str


def good_call(server: str, nonce: str, files: Path) -> Call:
    match server:
        case "modern" | "legacy":
            given = {"name": f"{nonce} für dich", "email": "a@example.test"}
            return Call("json_schema_2020_12_tool", given, f"{nonce} für dich can be reached at a@example.test")
        case "time":
            to_kathmandu = {"source_timezone": "UTC", "time": "12:34", "target_timezone": "Asia/Kathmandu"}
            return Call("convert_time", to_kathmandu, "T18:19:00+05:45")
        case "every":
            return Call("echo", {"message": nonce}, f"Echo: {nonce}")
        case "files":
            path = files / nonce
            return Call("write_file", {"path": str(path), "content": nonce}, f"Successfully wrote to {path}")
        case _:
            return Call("open_nodes", {"names": [ENTITY["name"]]}, ENTITY["observations"][0])


def bad_call(server: str, nonce: str) -> Call:
    """A call of which the tool itself says that it has failed."""
    match server:
        case "modern" | "legacy":
            return Call("test_error_handling", {}, "This tool intentionally returns an error for testing")
        case "time":
            return Call("get_current_time", {"timezone": nonce}, nonce)
        case "every":
            return Call("get-resource-reference", {"resourceType": "Text", "resourceId": -1}, "Invalid resourceId: -1")
        case "files":
            return Call("read_text_file", {"path": f"/etc/{nonce}"}, "path outside allowed directories")
        case _:
            observations = [{"entityName": nonce, "contents": ["nothing"]}]
            return Call("add_observations", {"observations": observations}, f"Entity with name {nonce} not found")


def header_call(nonce: str) -> Call:
    """The argument stands in a header of the request too; beyond ASCII, it has to be encoded there."""
    return Call("test_x_mcp_header", {"region": f"{nonce} für dich"}, f"The region is {nonce} für dich")


def questions(nonce: str) -> dict[str, Call]:
    """Calls that ask the client something before they answer; every client gives back what it was asked."""
    answered = {"username": nonce, "email": "a@example.test"}
    return {
        "elicitation": Call("test_elicitation", {"message": nonce}, f"action=accept, content={answered}"),
        "sampling": Call("test_sampling", {"prompt": nonce}, f"heard {nonce}"),
    }


def prompt_call(server: str, nonce: str) -> Call:
    if server == "every":
        return Call("args-prompt", {"city": nonce}, f"weather in {nonce}")
    return Call("test_prompt_with_arguments", {"arg1": nonce, "arg2": "2"}, f"arg1='{nonce}', arg2='2'")


# Calls that tell how far they are, and what they tell: progress, total and message of each notification.
SLOW = {
    "modern": Call("test_tool_with_progress", {}, "Went from 0 to 100."),
    "legacy": Call("test_tool_with_progress", {}, "Went from 0 to 100."),
    "every": Call("trigger-long-running-operation", {"duration": 0.2, "steps": 4}, "Long running operation completed"),
}
REPORTS: dict[str, list[list[Any]]] = {
    "modern": [[0, 100, "0 of 100"], [50, 100, "50 of 100"], [100, 100, "100 of 100"]],
    "legacy": [[0, 100, "0 of 100"], [50, 100, "50 of 100"], [100, 100, "100 of 100"]],
    "every": [[1, 4, None], [2, 4, None], [3, 4, None], [4, 4, None]],
}

WITH_PROMPTS = ("modern", "legacy", "every")

# Of all resources, one that only one server has, and how it begins.
RESOURCE = ("demo://resource/static/document/architecture.md", "# Everything Server")


# A gateway notices within two seconds that a client of 2026-07-28 has closed a stream.
SECONDS_TO_HEAR = 5


def nonce_of(client: str, server: str) -> str:
    return f"{client}-to-{server}"


def plain_steps(client: str, files: Path) -> Iterator[Step]:
    """What can be done with one result each."""
    for kind in KINDS:
        yield {"name": f"list/{kind}", "do": "list", "kind": kind}
    for server in ERAS:
        nonce = nonce_of(client, server)
        yield _call("call", server, good_call(server, nonce, files))
        yield _call("error", server, bad_call(server, nonce))
        if server in FIXTURES:
            yield _call("header", server, header_call(nonce))
        if server in WITH_PROMPTS:
            prompt = prompt_call(server, nonce)
            name = render_name(server, prompt.name)
            yield {"name": f"prompt/{server}", "do": "prompt", "prompt": name, "arguments": prompt.arguments}
    yield {"name": "read", "do": "read", "uri": RESOURCE[0]}


def all_steps(client: str, files: Path) -> Iterator[Step]:
    """Cancelling comes first, so that the rest shows that the connection has survived it, and its traces last."""
    for server in FIXTURES:
        yield _call("cancel", server, Call("test_wait", {"nonce": nonce_of(client, server)}, ""), do="cancel")
    yield from plain_steps(client, files)
    for server in ERAS:
        yield _call("unknown", server, Call("no_such_tool", {}, ""))
    for server, call in SLOW.items():
        yield _call("progress", server, call, progress=True)
    for server in FIXTURES:
        for kind, call in questions(nonce_of(client, server)).items():
            yield _call(kind, server, call)
    for server in FIXTURES:
        heard = _call("cancelled", server, Call("test_was_given_up", {"nonce": nonce_of(client, server)}, ""), do="ask")
        yield heard | {"says": "true", "seconds": SECONDS_TO_HEAR}


def _call(name: str, server: str, call: Call, *, do: str = "call", progress: bool = False) -> Step:
    tool = render_name(server, call.name)
    return {"name": f"{name}/{server}", "do": do, "tool": tool, "arguments": call.arguments, "progress": progress}
