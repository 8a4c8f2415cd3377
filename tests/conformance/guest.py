"""A client of the official package that answers whatever it is asked, and tells in words what it got.

Rule: what it tells is the same in every era, so that one table of expectations serves all of them.
"""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import anyio
import httpx2
import mcp_types as types
from mcp import Client
from mcp.client import ClientRequestContext
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import FileUrl

# What a question takes on this side of the wire; an answer that has not come by then never will.
SECONDS = 5.0
POLL_SECONDS = 0.01  # short against the milliseconds that an answer takes

# How severe something has to be to be logged here.
LEVEL: types.LoggingLevel = "warning"

ROOT = "file:///work"
MODEL = "Paris"
TYPED = {"boolean": True, "string": "Ada"}

# What a session is told outside of calls, by the method that told it.
TOLD = {
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/elicitation/complete",
}


class Guest:
    """`asked` is what was asked, `logged` what was logged, `told` what else was heard since `forget`."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.logged: list[str] = []
        self.told: list[str] = []
        self._client: Client | None = None

    @property
    def client(self) -> Client:
        assert self._client is not None
        return self._client

    @asynccontextmanager
    async def at(self, url: str, token: str, mode: str) -> AsyncIterator["Guest"]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            httpx2.AsyncClient(headers=headers, timeout=SECONDS * 2) as http,
            Client(
                streamable_http_client(url, http_client=http),
                mode=mode,
                read_timeout_seconds=SECONDS,
                sampling_callback=self._sample,
                elicitation_callback=self._elicit,
                list_roots_callback=self._roots,
                logging_callback=self._log,
                log_level=LEVEL,
                message_handler=self._hear,
            ) as self._client,
        ):
            yield self

    def forget(self) -> None:
        for seen in (self.asked, self.logged, self.told):
            seen.clear()

    async def call(self, name: str, arguments: dict[str, Any]) -> str:
        """What a tool answered, after its questions, its progress and its logs."""
        self.forget()
        reports: list[str] = []

        async def note(progress: float, total: float | None, message: str | None) -> None:
            reports.append(f"{progress:g}/{total:g}")

        try:
            result = await self.client.call_tool(name, arguments, progress_callback=note)
        except MCPError as error:
            return f"refused ({error.code}): {error.message}"
        # A server may ask at once or one by one, and tells again how far it is when it is asked again.
        said = [*sorted(self.asked), *dict.fromkeys(reports), *self.logged, contents(result.content)]
        return " | ".join(["failed", *said] if result.is_error else said)

    async def prompt(self, name: str, arguments: dict[str, str]) -> str:
        self.forget()
        try:
            result = await self.client.get_prompt(name, arguments)
        except MCPError as error:
            return f"refused ({error.code}): {error.message}"
        return " | ".join([*sorted(self.asked), contents(message.content for message in result.messages)])

    async def read(self, uri: str) -> str:
        try:
            return " | ".join(_resource(one) for one in (await self.client.read_resource(uri)).contents)
        except MCPError as error:
            return f"refused ({error.code}): {error.message}"

    async def complete(self, prompt: str, argument: str, begun: str) -> list[str]:
        reference = types.PromptReference(name=prompt)
        return (await self.client.complete(reference, {"name": argument, "value": begun})).completion.values

    async def gives_up(self, seconds: float) -> bool:
        """Whether a call that is given up once it has begun is given up at the server within so many seconds."""
        nonce = uuid4().hex
        with anyio.CancelScope() as begun:

            async def give_up(progress: float, total: float | None, message: str | None) -> None:
                begun.cancel()

            await self.client.call_tool("test_wait", {"nonce": nonce}, progress_callback=give_up)
        with anyio.move_on_after(seconds):
            while await self.call("test_was_given_up", {"nonce": nonce}) != "true":
                await anyio.sleep(POLL_SECONDS)
            return True
        return False

    @asynccontextmanager
    async def listening(self, uri: str, mode: str) -> AsyncIterator[None]:
        """To changes of all lists, and of one resource."""
        if mode == "legacy":
            await self.client.subscribe_resource(uri)
            yield
            await self.client.unsubscribe_resource(uri)
            return
        lists = {"tools_list_changed": True, "prompts_list_changed": True, "resources_list_changed": True}
        async with self.client.listen(**lists, resource_subscriptions=[uri]):
            yield

    async def hears(self, what: str, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            while what not in self.told:
                await anyio.sleep(POLL_SECONDS)
        return what in self.told

    async def _sample(
        self, context: ClientRequestContext, params: types.CreateMessageRequestParams
    ) -> types.CreateMessageResult:
        self.asked.append(f"sample {contents(_blocks(params.messages))}")
        return types.CreateMessageResult(role="assistant", content=types.TextContent(text=MODEL), model="test")

    async def _elicit(self, context: ClientRequestContext, params: types.ElicitRequestParams) -> types.ElicitResult:
        if isinstance(params, types.ElicitRequestURLParams):
            self.asked.append(f"visit {params.url}")
            return types.ElicitResult(action="accept")
        fields = params.requested_schema["properties"]
        self.asked.append(f"fill in {','.join(sorted(fields))}: {params.message}")
        return types.ElicitResult(action="accept", content={name: _chosen(field) for name, field in fields.items()})

    async def _roots(self, context: ClientRequestContext) -> types.ListRootsResult:
        self.asked.append("list roots")
        return types.ListRootsResult(roots=[types.Root(uri=FileUrl(ROOT))])

    async def _log(self, params: types.LoggingMessageNotificationParams) -> None:
        self.logged.append(f"{params.level}: {params.data}")

    async def _hear(self, message: object) -> None:
        method = getattr(message, "method", "")
        if method in TOLD:
            self.told.append(method.removeprefix("notifications/"))


def _chosen(field: dict[str, Any]) -> Any:
    """What a form has for this field already, else the first choice, else what one types."""
    if "default" in field:
        return field["default"]
    if "enum" in field:
        return field["enum"][0]
    if options := field.get("oneOf") or field.get("anyOf"):
        return options[0]["const"]
    return [_chosen(field["items"])] if field["type"] == "array" else TYPED[field["type"]]


def contents(blocks: Iterable[types.ContentBlock]) -> str:
    return ", ".join(_content(block) for block in blocks)


def _content(block: types.ContentBlock) -> str:
    match block:
        case types.TextContent():
            return block.text
        case types.ImageContent() | types.AudioContent():
            return f"{block.mime_type} {block.data}"
        case types.EmbeddedResource():
            return _resource(block.resource)
        case types.ResourceLink():
            return f"link to {block.uri}"


def _resource(resource: types.TextResourceContents | types.BlobResourceContents) -> str:
    held = resource.text if isinstance(resource, types.TextResourceContents) else resource.blob
    return f"{resource.uri} {resource.mime_type} {held}"


def _blocks(messages: list[types.SamplingMessage]) -> Iterable[Any]:
    for message in messages:
        yield from message.content if isinstance(message.content, list) else [message.content]
