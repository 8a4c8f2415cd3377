"""Acts for a FakeUpstream that talks: it asks, logs, remembers.

Rule: it keeps to what the client can do. A legacy client that did not declare a capability is not
asked but told so in the result; a modern one gets the error that names it.
"""

import json
from collections.abc import Callable
from typing import NamedTuple

from upstream.eras import META_CAPABILITIES, META_LOG_LEVEL, MISSING_CAPABILITY
from upstream.fake_turns import Act, Json, Turn
from upstream.levels import rank_of

# What a session hears that has not set a level.
DEFAULT_LEVEL = "warning"


class Question(NamedTuple):
    """A request to the client; `needs` is the capability, and the feature of it, that it takes."""

    method: str
    params: Json
    needs: tuple[str, str]

    def is_within(self, declared: Json) -> bool:
        capability, feature = self.needs
        if capability not in declared:
            return False
        features = declared[capability] or {}
        # MCP 2025-11-25 client/elicitation: an empty capability means forms.
        return not feature or feature in features or (feature == "form" and not features)

    @property
    def required(self) -> Json:
        capability, feature = self.needs
        return {capability: {feature: {}} if feature else {}}


SAMPLING = Question(
    "sampling/createMessage",
    {"messages": [{"role": "user", "content": {"type": "text", "text": "Capital of France?"}}], "maxTokens": 100},
    ("sampling", ""),
)
FORM = Question(
    "elicitation/create",
    {
        "message": "What is your name?",
        "requestedSchema": {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]},
    },
    ("elicitation", "form"),
)
LINK = Question(
    "elicitation/create",
    {"mode": "url", "message": "Sign in, please.", "url": "https://fake.example/sign-in", "elicitationId": "e-1"},
    ("elicitation", "url"),
)
ROOTS = Question("roots/list", {}, ("roots", ""))


def as_text(outcomes: list[Json]) -> Json:
    """A tool's result: the client's results (or `{"error": …}`) in the order of the questions, as JSON."""
    said = [outcome.get("result", outcome) for outcome in outcomes]
    return {"content": [{"type": "text", "text": json.dumps(said, separators=(",", ":"))}]}


def asks(*questions: Question, together: bool = False, result: Callable[[list[Json]], Json] = as_text) -> Act:
    """Ask one after the other; `together`: a modern client all of them in one round. Then answer with their outcome."""

    def act(turn: Turn) -> None:
        (_ask_modern if turn.is_modern else _ask_legacy)(turn, questions, together, result)

    return act


def asks_aside(*questions: Question, whole: bool = False) -> Act:
    """Ask on the session's own stream, as servers do that do not say for which call they ask; nobody there is a
    result that says so. `whole`: answer in JSON, of which nothing is sent before the answers are there."""

    def act(turn: Turn) -> None:
        if not whole:
            turn.begin_stream()
        if any(stream.session == turn.session for stream in turn.server.live.open):
            outcomes = [turn.server.live.ask(turn.session, question.method, question.params) for question in questions]
        else:
            outcomes = [{"error": "nobody listens"}]
        if whole:
            turn.respond(result=as_text(outcomes))
        else:
            turn.write_message({"id": turn.request.message["id"], "result": as_text(outcomes)})
            turn.end_stream()

    return act


def _ask_legacy(
    turn: Turn, questions: tuple[Question, ...], _together: bool, result: Callable[[list[Json]], Json]
) -> None:
    declared = turn.server.opened.get(turn.session, {})
    for question in questions:
        if not question.is_within(declared):
            text = f"this client cannot do {question.method}"
            turn.respond(result={"content": [{"type": "text", "text": text}], "isError": True})
            return
    turn.begin_stream()
    outcomes = [turn.server.live.ask_in(turn, question.method, question.params) for question in questions]
    if {} in outcomes:  # cancelled: nobody waits for a result
        turn.end_stream()
        return
    turn.write_message({"id": turn.request.message["id"], "result": result(outcomes)})
    turn.end_stream()


def _ask_modern(
    turn: Turn, questions: tuple[Question, ...], together: bool, result: Callable[[list[Json]], Json]
) -> None:
    params = turn.request.params
    declared = params["_meta"].get(META_CAPABILITIES) or {}
    lacking = next((each for each in questions if not each.is_within(declared)), None)
    if lacking is not None:
        turn.refuse(400, MISSING_CAPABILITY, "a capability is missing", data={"requiredCapabilities": lacking.required})
        return
    asked = json.dumps({key: params.get(key) for key in ("name", "uri", "arguments")}, sort_keys=True)
    outcomes: dict[str, Json] = {}
    if "requestState" in params:
        known = turn.server.states.get(params["requestState"])
        if known is None or known[0] != asked:
            turn.refuse(400, -32602, "this requestState is not ours, or of another request")
            return
        answered = params.get("inputResponses") or {}
        outcomes = {**known[1], **{key: {"result": value} for key, value in answered.items() if key[1:].isdigit()}}
    keys = [f"q{number}" for number in range(1, len(questions) + 1)]
    open_ = [key for key in keys if key not in outcomes]
    if not open_:
        turn.respond(result={"resultType": "complete", **result([outcomes[key] for key in keys])})
        return
    state = f"state-{len(turn.server.states) + 1}"
    turn.server.states[state] = (asked, outcomes)
    wanted = {
        key: {"method": question.method, "params": question.params}
        for key, question in zip(keys, questions, strict=True)
        if key in (open_ if together else open_[:1])
    }
    turn.respond(result={"resultType": "input_required", "inputRequests": wanted, "requestState": state})


def logs(*said: tuple[str, str]) -> Act:
    """A stream: these (level, text) messages, as far as the client wants them, then the result."""

    def act(turn: Turn) -> None:
        if turn.is_modern:
            wanted = turn.request.params["_meta"].get(META_LOG_LEVEL)
        else:
            wanted = turn.server.levels.get(turn.session, DEFAULT_LEVEL)
        turn.begin_stream()
        for level, text in said:
            if wanted and rank_of(level) >= rank_of(wanted):
                params = {"level": level, "logger": "fake", "data": text}
                turn.write_message({"method": "notifications/message", "params": params})
        result = {"content": [{"type": "text", "text": "logged"}]}
        if turn.is_modern:
            result = {"resultType": "complete", **result}
        turn.write_message({"id": turn.request.message["id"], "result": result})
        turn.end_stream()

    return act


def counts_visits(turn: Turn) -> None:
    """A tool with a memory: how often it was called in this session, and what session that is."""
    turn.server.visits[turn.session] = turn.server.visits.get(turn.session, 0) + 1
    said = {"session": turn.session, "visits": turn.server.visits[turn.session]}
    turn.respond(result={"content": [{"type": "text", "text": json.dumps(said)}]})
