"""One tools/call as a client sends it, and what may come back.

Rule: pure. Right is only the nonce of this very call under its id; a fault is one plain sentence in a result; all else
is wrong, and says why.
"""

import json
import re
from enum import StrEnum
from typing import Any, NamedTuple

from soaks.upstream import LEGACY, META, MODERN, STEPS, VERSIONS

LONGEST_SENTENCE = 300
# What belongs in a log, and not in what a model is told.
_RAW = re.compile(r"[<>\n]|Traceback|Errno|Error\(|0x[0-9a-f]{6}")


class Address(NamedTuple):
    """Where a workspace is served, on this machine."""

    port: int
    path: str


class Outcome(StrEnum):
    RIGHT = "right"
    FAULT = "fault"
    WRONG = "wrong"


class Verdict(NamedTuple):
    """`words`: a fault's sentence, or what is wrong with a wrong answer."""

    outcome: Outcome
    words: str = ""


class Call(NamedTuple):
    """`server` is the prefix of the tool; `asks_progress` lets the server answer with a stream."""

    era: str
    server: str
    nonce: str
    id: int | str
    asks_progress: bool

    def body(self) -> bytes:
        params: dict[str, Any] = {"name": f"{self.server}__echo", "arguments": {"nonce": self.nonce}}
        meta: dict[str, Any] = modern_meta() if self.era == MODERN else {}
        if self.asks_progress:
            meta["progressToken"] = self.nonce
        if meta:
            params["_meta"] = meta
        return json.dumps({"jsonrpc": "2.0", "id": self.id, "method": "tools/call", "params": params}).encode()

    def headers(self, token: str, mcp_session: str) -> dict[str, str]:
        return headers(self.era, token, mcp_session, "tools/call", f"{self.server}__echo")


def headers(era: str, token: str, mcp_session: str, method: str, name: str = "") -> dict[str, str]:
    """What a client of that era sends beside a body."""
    lines = {
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": VERSIONS[era],
    }
    if mcp_session:
        lines["Mcp-Session-Id"] = mcp_session
    if era == MODERN:
        lines["Mcp-Method"] = method
        if name:
            lines["Mcp-Name"] = name
    return lines


def modern_meta() -> dict[str, Any]:
    return {f"{META}protocolVersion": VERSIONS[MODERN], f"{META}clientCapabilities": {}}


def opening() -> bytes:
    """The handshake of a legacy client."""
    client = {"name": "soak", "version": "1"}
    params = {"protocolVersion": VERSIONS[LEGACY], "capabilities": {}, "clientInfo": client}
    return json.dumps({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params}).encode()


def listing(era: str) -> bytes:
    params = {"_meta": modern_meta()} if era == MODERN else {}
    return json.dumps({"jsonrpc": "2.0", "id": "list", "method": "tools/list", "params": params}).encode()


def judge(call: Call, status: int, content_type: str, body: bytes) -> Verdict:
    if status != 200:
        return _wrong(f"status {status}: {body[:200]!r}")
    try:
        messages = parse_messages(content_type, body)
    except ValueError as error:
        return _wrong(str(error))
    if not messages or "method" in messages[-1]:
        return _wrong("the stream ended without an answer")
    *notices, answer = messages
    steps = [notice.get("params", {}) for notice in notices]
    if any(step.get("progressToken") != call.nonce for step in steps):
        return _wrong(f"a notification of somebody else: {notices}")
    if [step["progress"] for step in steps] != list(range(len(steps))):
        return _wrong(f"progress out of order: {steps}")
    # An id is compared with its type: 1 is not "1", and for Python True is 1.
    if answer.get("id") != call.id or type(answer["id"]) is not type(call.id):
        return _wrong(f"the answer to another request: {answer}")
    if set(answer) != {"jsonrpc", "id", "result"}:
        return _wrong(f"no result: {answer}")
    return _judge_result(call, answer["result"], len(steps))


def _judge_result(call: Call, result: Any, steps: int) -> Verdict:
    match result:
        case {"content": [{"type": "text", "text": str(text)}], **more}:
            if (more.get("resultType") == "complete") != (call.era == MODERN):
                return _wrong(f"a result of the other era: {result}")
        case _:
            return _wrong(f"a result without its one text: {result}")
    if more.get("isError"):
        return Verdict(Outcome.FAULT, text) if is_clear(text, call.server) else _wrong(f"no clear sentence: {text!r}")
    if text != call.nonce:
        return _wrong(f"the nonce of another call: {text!r}")
    if call.asks_progress and steps != STEPS:
        return _wrong(f"{steps} of {STEPS} steps of progress")
    return Verdict(Outcome.RIGHT)


def is_clear(text: str, server: str) -> bool:
    """Whether somebody who knows nothing of gateways learns which server it is, and in plain words what it did."""
    return (
        text.startswith(f"{server.title()}: ")
        and text.endswith(".")
        and len(text) <= LONGEST_SENTENCE
        and not _RAW.search(text)
    )


def judge_list(servers: tuple[str, ...], status: int, content_type: str, body: bytes) -> Verdict:
    """Right when the tools of all servers are there, also of those that do not answer at the moment."""
    if status != 200:
        return _wrong(f"a list with status {status}: {body[:200]!r}")
    try:
        answer = parse_messages(content_type, body)[-1]
    except (ValueError, IndexError) as error:
        return _wrong(f"no list: {error}")
    names = {tool["name"] for tool in answer.get("result", {}).get("tools", [])}
    missing = [server for server in servers if f"{server}__echo" not in names]
    return _wrong(f"a list without the tools of {missing}: {answer}") if missing else Verdict(Outcome.RIGHT)


def parse_messages(content_type: str, body: bytes) -> list[dict[str, Any]]:
    """The messages of a whole answer, or of a stream that has ended. Raises ValueError saying what is not MCP."""
    match content_type.partition(";")[0]:
        case "application/json":
            texts = [body]
        case "text/event-stream":
            texts = [line[5:] for line in body.split(b"\n") if line.startswith(b"data:") and line[5:].strip()]
        case kind:
            raise ValueError(f"a body of the type {kind!r}: {body[:200]!r}")
    try:
        messages = [json.loads(text) for text in texts]
    except ValueError:
        raise ValueError(f"what is no JSON: {body[:200]!r}") from None
    if not all(isinstance(message, dict) and message.get("jsonrpc") == "2.0" for message in messages):
        raise ValueError(f"what is no JSON-RPC: {body[:200]!r}")
    return messages


def _wrong(words: str) -> Verdict:
    return Verdict(Outcome.WRONG, words)
