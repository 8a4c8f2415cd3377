"""Tools and a prompt that ask in rounds and give state along, which the client cannot read and has to bring back.

The official package seals the state on its way out and refuses what it has not sealed.
"""

from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp_types import InputRequests, InputRequiredResult

from tests.conformance.offers.questions import ask, field, form, roots, sample, sent_back, told

TEXT = {"type": "string"}
YES_OR_NO = {"type": "boolean"}
ASKED = "state-ok"
NAMED = "the name is "


def add_rounds(server: MCPServer) -> None:
    @server.tool()
    async def test_input_required_result_request_state(context: Context) -> str | InputRequiredResult:
        """Says whether the state of its question came back."""
        questions: InputRequests = {"confirm": form("Please confirm", ok=YES_OR_NO)}
        return sent_back(questions, ASKED) if await ask(context, questions, ASKED) is None else ASKED

    @server.tool()
    async def test_input_required_result_tampered_state(context: Context) -> str | InputRequiredResult:
        """Does not go on with a state that somebody has changed."""
        questions: InputRequests = {"confirm": form("Please confirm", ok=YES_OR_NO)}
        return sent_back(questions, ASKED) if await ask(context, questions, ASKED) is None else ASKED

    @server.tool()
    async def test_input_required_result_multiple_inputs(context: Context) -> str | InputRequiredResult:
        """Asks user, model and file system at once."""
        questions: InputRequests = {
            "user_name": form("What is your name?", name=TEXT),
            "greeting": sample("Write a greeting", max_tokens=50),
            "client_roots": roots(),
        }
        answers = await ask(context, questions, ASKED)
        if answers is None:
            return sent_back(questions, ASKED)
        return "; ".join(told(answers[key]) for key in questions)

    @server.tool()
    async def test_input_required_result_multi_round(context: Context) -> str | InputRequiredResult:
        """Asks for a name, then for a colour; what it learnt first is in the state of the second question."""
        state = context.request_state or ""
        if not state.startswith(NAMED):
            first: InputRequests = {"step1": form("Step 1: what is your name?", name=TEXT)}
            answers = await ask(context, first, ASKED)
            if answers is None:
                return sent_back(first, ASKED)
            state = NAMED + field(answers["step1"], "name")
        second: InputRequests = {"step2": form("Step 2: what is your favourite colour?", color=TEXT)}
        answers = await ask(context, second, state)
        if answers is None:
            return sent_back(second, state)
        return f"{state}, the colour is {field(answers['step2'], 'color')}"

    @server.prompt()
    async def test_input_required_result_prompt(context: Context) -> list[UserMessage] | InputRequiredResult:
        """A prompt that asks for its context."""
        questions: InputRequests = {"user_context": form("What is it about?", context=TEXT)}
        answers = await ask(context, questions)
        if answers is None:
            return sent_back(questions)
        return [UserMessage(f"Please think about {field(answers['user_context'], 'context')}.")]
