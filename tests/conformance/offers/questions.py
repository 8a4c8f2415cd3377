"""Questions to the client, put in the way of the era it speaks.

Rule: a legacy session is asked by requests on the stream of the call; in 2026-07-28 the call itself is answered with
the questions, and comes back with the answers and the state that was given along (MCP 2026-07-28
basic/patterns/mrtr). What asks does not know which it was. A client is asked nothing that it has not declared.
"""

from typing import Any

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata
from mcp_types import (
    MISSING_REQUIRED_CLIENT_CAPABILITY,
    CreateMessageRequest,
    CreateMessageRequestParams,
    CreateMessageResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitRequestURLParams,
    ElicitResult,
    InputRequest,
    InputRequests,
    InputRequiredResult,
    InputResponse,
    InputResponses,
    ListRootsRequest,
    ListRootsResult,
    SamplingMessage,
    TextContent,
)

CAPABILITIES = {"elicitation/create": "elicitation", "sampling/createMessage": "sampling", "roots/list": "roots"}
RESULTS: dict[str, type[InputResponse]] = {
    "elicitation/create": ElicitResult,
    "sampling/createMessage": CreateMessageResult,
    "roots/list": ListRootsResult,
}


def form(message: str, **properties: dict[str, Any]) -> ElicitRequest:
    """A form of which every field has to be filled in."""
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return ElicitRequest(params=ElicitRequestFormParams(message=message, requested_schema=schema))


def page(message: str, url: str, elicitation_id: str | None) -> ElicitRequest:
    """A page that the user is to visit; 2026-07-28 has no ids of elicitations any more."""
    return ElicitRequest(params=ElicitRequestURLParams(message=message, url=url, elicitation_id=elicitation_id))


def sample(prompt: str, max_tokens: int = 100) -> CreateMessageRequest:
    message = SamplingMessage(role="user", content=TextContent(text=prompt))
    return CreateMessageRequest(params=CreateMessageRequestParams(messages=[message], max_tokens=max_tokens))


def roots() -> ListRootsRequest:
    return ListRootsRequest()


async def ask(context: Context, questions: InputRequests, state: str | None = None) -> InputResponses | None:
    """The answers to all of them; None when the client has yet to be asked, by `sent_back`.

    Answers are believed only beside the state that went out with their questions.
    """
    for question in questions.values():
        _require_declared(context, question)
    if context.session.can_send_request:
        return {key: await _request(context, question) for key, question in questions.items()}
    answers = context.input_responses or {}
    return answers if questions.keys() <= answers.keys() and context.request_state == state else None


def sent_back(questions: InputRequests, state: str | None = None) -> InputRequiredResult:
    return InputRequiredResult(input_requests=questions, request_state=state)


def is_declared(context: Context, question: InputRequest) -> bool:
    declared = getattr(context.client_capabilities, CAPABILITIES[question.method], None)
    if isinstance(question.params, ElicitRequestURLParams):
        return getattr(declared, "url", None) is not None  # who says no more than `elicitation` can show forms only
    return declared is not None


def told(answer: InputResponse) -> str:
    """What the client's user, model or file system answered, in words."""
    match answer:
        case ElicitResult():
            return f"action={answer.action}, content={answer.content or {}}"
        case ListRootsResult():
            return ", ".join(str(root.uri) for root in answer.roots)
        case CreateMessageResult(content=TextContent(text=text)):
            return text
    return "nothing that can be read"


def field(answer: InputResponse, name: str) -> str:
    """What was filled in for one field of a form; empty when the form was turned down."""
    content = answer.content if isinstance(answer, ElicitResult) else None
    return str((content or {}).get(name, ""))


async def _request(context: Context, question: InputRequest) -> InputResponse:
    # Naming the call keeps the question on the call's own stream.
    on_the_stream = ServerMessageMetadata(related_request_id=context.request_id)
    return await context.session.send_request(question, RESULTS[question.method], metadata=on_the_stream)


def _require_declared(context: Context, question: InputRequest) -> None:
    if is_declared(context, question):
        return
    missing = CAPABILITIES[question.method]
    sentence = f"This needs a client with the capability {missing}, which was not declared"
    if context.session.can_send_request:
        raise ToolError(sentence)
    raise MCPError(MISSING_REQUIRED_CLIENT_CAPABILITY, sentence, {"requiredCapabilities": {missing: {}}})
