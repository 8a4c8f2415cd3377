"""What the suite starts to test a client: puts the suite's server behind a gateway, and calls it there.

    DESK_URL=http://127.0.0.1:9002 python -m tests.conformance.as_client http://localhost:41409/mcp

Rule: standard library only, and whatever the suite's server gets to see is the gateway's. This client checks nothing,
remembers nothing but its session and mirrors nothing into headers: where those are judged it is a legacy client, which
knows of none.
"""

import json
import os
import sys
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from typing import Any

LEGACY, MODERN = "2025-11-25", "2026-07-28"
META = "io.modelcontextprotocol/"

SECONDS = 5.0  # an answer takes milliseconds; the rest is for a crowded machine

# What has to be said in a header as well (MCP 2026-07-28 basic/transports/streamable-http §Request Metadata).
NAMED_BY = {"tools/call": "name", "prompts/get": "name", "resources/read": "uri"}


class Caller:
    """A client of a workspace whose only server is the suite's."""

    def __init__(self, url: str, token: str, revision: str) -> None:
        self._url = url
        self._token = token
        self._revision = revision
        self._session: dict[str, str] = {}
        self._calls = 0

    def begin(self) -> None:
        """From here on in a session, in which it can be asked."""
        identity = {"name": "as_client", "version": "1"}
        self.ask("initialize", protocolVersion=LEGACY, capabilities={"elicitation": {}}, clientInfo=identity)
        self._send({"method": "notifications/initialized"}, {}).close()

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The result; an error is one without anything in it."""
        self._calls += 1
        headers: dict[str, str] = {}
        if self._revision == MODERN:
            params["_meta"] = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {"elicitation": {}}}
            headers["Mcp-Method"] = method
            if method in NAMED_BY:
                headers["Mcp-Name"] = params[NAMED_BY[method]]
        answer: dict[str, Any] = {}
        with self._send({"id": self._calls, "method": method, "params": params}, headers) as response:
            if session := response.headers["Mcp-Session-Id"]:
                self._session = {"Mcp-Session-Id": session}
            for message in _messages(response):
                if "method" not in message:
                    answer = message
                elif "id" in message:
                    self._send({"id": message["id"], "result": _filled_in(message)}, {}).close()
        print(method, params, answer)
        return answer.get("result", {})

    def _send(self, message: dict[str, Any], headers: dict[str, str]) -> HTTPResponse:
        common = {
            "Authorization": f"Bearer {self._token}",
            "Content-Type": "application/json",
            "Accept": "application/json, text/event-stream",
            "MCP-Protocol-Version": self._revision,
        }
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        request = urllib.request.Request(self._url, body, {**common, **self._session, **headers})
        return urllib.request.urlopen(request, timeout=SECONDS)

    def call(self, name: str, arguments: dict[str, Any] | None = None) -> None:
        """Calls a tool, and answers what it asks, as often as it asks."""
        params: dict[str, Any] = {"name": name, "arguments": arguments or {}}
        result = self.ask("tools/call", **params)
        while result.get("resultType") == "input_required":
            answers = {key: _filled_in(question) for key, question in result.get("inputRequests", {}).items()}
            state = {"requestState": result["requestState"]} if "requestState" in result else {}
            result = self.ask("tools/call", **params, inputResponses=answers, **state)

    def tools(self) -> dict[str, dict[str, Any]]:
        return {tool["name"]: tool for tool in self.ask("tools/list").get("tools", [])}


def call_all(caller: Caller) -> None:
    for name, tool in caller.tools().items():
        caller.call(name, _made_up(tool["inputSchema"]))


def call_in_a_session(caller: Caller) -> None:
    caller.begin()
    call_all(caller)


def call_between_questions(caller: Caller) -> None:
    """Each tool, and one that asks nothing between the question of another and the answer to it."""
    waiting = caller.ask("tools/call", name="test_mrtr_echo_state", arguments={})
    assert waiting["resultType"] == "input_required"
    call_all(caller)


def use_everything(caller: Caller) -> None:
    call_all(caller)
    for resource in caller.ask("resources/list").get("resources", []):
        caller.ask("resources/read", uri=resource["uri"])
    for prompt in caller.ask("prompts/list").get("prompts", []):
        caller.ask("prompts/get", name=prompt["name"])


def call_as_told(caller: Caller) -> None:
    caller.tools()
    for call in json.loads(os.environ["MCP_CONFORMANCE_CONTEXT"])["toolCalls"]:
        caller.call(call["name"], call["arguments"])


def echo_schema(caller: Caller) -> None:
    schema = caller.tools()["json_schema_2020_12_tool"]["inputSchema"]
    caller.call("json_schema_echo", {"schema": schema})


# By scenario: the era of the client, and what it does. A test of headers is one of a client that sends none.
SCENARIOS: dict[str, tuple[str, Callable[[Caller], object]]] = {
    "elicitation-sep1034-client-defaults": (LEGACY, call_in_a_session),
    "http-custom-headers": (LEGACY, call_as_told),
    "http-invalid-tool-headers": (LEGACY, call_all),
    "http-standard-headers": (LEGACY, use_everything),
    "initialize": (MODERN, Caller.tools),
    "json-schema-2020-12-preservation": (MODERN, echo_schema),
    "json-schema-ref-no-deref": (MODERN, Caller.tools),
    "request-metadata": (LEGACY, Caller.tools),
    "sep-2322-client-request-state": (MODERN, call_between_questions),
    "sse-retry": (MODERN, call_all),
    "tools_call": (MODERN, call_all),
}


def _messages(response: HTTPResponse) -> Iterator[dict[str, Any]]:
    """The one of a body in JSON, or those of a stream as they come."""
    if response.headers["Content-Type"] == "application/json":
        yield json.load(response)
        return
    for line in response:
        if line.startswith(b"data: "):
            yield json.loads(line.removeprefix(b"data: "))


def _filled_in(question: dict[str, Any]) -> dict[str, Any]:
    """A form that is sent off as it was shown."""
    fields = question["params"]["requestedSchema"]["properties"]
    return {"action": "accept", "content": {name: field.get("default", True) for name, field in fields.items()}}


def _made_up(schema: dict[str, Any]) -> dict[str, Any]:
    """Arguments that a schema asks for."""
    values = {"number": 1, "integer": 1, "boolean": True, "object": {}, "array": [], "null": None}
    fields = schema.get("properties", {})
    return {name: values.get(fields[name].get("type"), "text") for name in schema.get("required", [])}


def main(server_url: str) -> None:
    revision, act = SCENARIOS[os.environ["MCP_CONFORMANCE_SCENARIO"]]
    with urllib.request.urlopen(os.environ["DESK_URL"], server_url.encode(), SECONDS) as response:
        url, token = json.load(response)
    act(Caller(url, token, revision))


if __name__ == "__main__":
    main(sys.argv[1])
