"""Tools that ask the client's model, its user and its file system once, and tell what they answered."""

from typing import Any
from uuid import uuid4

from mcp.server.mcpserver import Context, MCPServer
from mcp_types import InputRequests, InputRequiredResult

from tests.conformance.offers.questions import ask, field, form, is_declared, page, roots, sample, sent_back, told

SIGN_IN = "https://example.com/sign-in"
TEXT = {"type": "string"}
STATES = ["active", "inactive", "pending"]
OPTIONS = ["option1", "option2", "option3"]
TITLED = [{"const": "value1", "title": "First"}, {"const": "value2", "title": "Second"}]

DEFAULTS: dict[str, dict[str, Any]] = {
    "name": {"type": "string", "default": "John Doe"},
    "age": {"type": "integer", "default": 30},
    "score": {"type": "number", "default": 95.5},
    "status": {"type": "string", "enum": STATES, "default": "active"},
    "verified": {"type": "boolean", "default": True},
}
CHOICES: dict[str, dict[str, Any]] = {
    "untitledSingle": {"type": "string", "enum": OPTIONS},
    "titledSingle": {"type": "string", "oneOf": TITLED},
    "legacyEnum": {"type": "string", "enum": ["opt1", "opt2"], "enumNames": ["Option one", "Option two"]},
    "untitledMulti": {"type": "array", "items": {"type": "string", "enum": OPTIONS}},
    "titledMulti": {"type": "array", "items": {"anyOf": TITLED}},
}


async def _told(context: Context, questions: InputRequests) -> str | InputRequiredResult:
    answers = await ask(context, questions)
    return sent_back(questions) if answers is None else "; ".join(told(answers[key]) for key in questions)


def add_asking(server: MCPServer) -> None:
    @server.tool()
    async def test_sampling(prompt: str, context: Context) -> str | InputRequiredResult:
        """Has the client's model answer a prompt."""
        return await _told(context, {"reply": sample(prompt)})

    @server.tool()
    async def test_elicitation(message: str, context: Context) -> str | InputRequiredResult:
        """Asks the user for their name and address."""
        return await _told(context, {"user": form(message, username=TEXT, email=TEXT)})

    @server.tool()
    async def test_elicitation_url(context: Context) -> str | InputRequiredResult:
        """Sends the user to a page, and tells a legacy client when they are done there."""
        elicitation_id = uuid4().hex if context.session.can_send_request else None
        answer = await _told(context, {"sign_in": page("Please sign in", SIGN_IN, elicitation_id)})
        if elicitation_id is not None:
            await context.session.send_elicit_complete(elicitation_id, context.request_id)
        return answer

    @server.tool()
    async def test_elicitation_sep1034_defaults(context: Context) -> str | InputRequiredResult:
        """Shows the user a form in which every kind of field is filled in already."""
        return await _told(context, {"defaults": form("Who are you?", **DEFAULTS)})

    @server.tool()
    async def test_elicitation_sep1330_enums(context: Context) -> str | InputRequiredResult:
        """Shows the user a form with every kind of choice."""
        return await _told(context, {"choices": form("What do you choose?", **CHOICES)})

    @server.tool()
    async def test_streaming_elicitation(context: Context) -> str | InputRequiredResult:
        """Tells how far it is before it asks the user."""
        await context.report_progress(1, 2)
        return await _told(context, {"user": form("Shall it go on?", ok={"type": "boolean"})})

    @server.tool()
    async def test_missing_capability(context: Context) -> str | InputRequiredResult:
        """Refuses a client that has not declared sampling."""
        return await _told(context, {"reply": sample("Say anything")})


def add_asking_by_result(server: MCPServer) -> None:
    @server.tool()
    async def test_input_required_result_elicitation(context: Context) -> str | InputRequiredResult:
        """Greets the user by the name that they give."""
        questions: InputRequests = {"user_name": form("What is your name?", name=TEXT)}
        answers = await ask(context, questions)
        return sent_back(questions) if answers is None else f"Hello, {field(answers['user_name'], 'name')}!"

    @server.tool()
    async def test_input_required_result_sampling(context: Context) -> str | InputRequiredResult:
        """Has the client's model name a capital."""
        return await _told(context, {"capital_question": sample("What is the capital of France?")})

    @server.tool()
    async def test_input_required_result_list_roots(context: Context) -> str | InputRequiredResult:
        """Lists the client's roots."""
        return await _told(context, {"client_roots": roots()})

    @server.tool()
    async def test_input_required_result_capabilities(context: Context) -> str | InputRequiredResult:
        """Asks only for what the client has declared."""
        questions: InputRequests = {
            "user_name": form("What is your name?", name=TEXT),
            "greeting": sample("Write a greeting"),
            "client_roots": roots(),
        }
        return await _told(context, {key: one for key, one in questions.items() if is_declared(context, one)})
