"""The legacy sessions that are open: what each has subscribed to, and how much it wants logged.

Rule: a change reaches every session, whoever caused it; the update of a resource only those that have subscribed to
it. In 2026-07-28 there are no sessions: there the package itself tells the listen streams, and logs what a request
asks for.
"""

from typing import Any

from mcp.server import NotificationOptions, ServerRequestContext
from mcp.server.connection import Connection
from mcp.server.context import CallNext, HandlerResult
from mcp.server.mcpserver import Context, MCPServer
from mcp_types import (
    EmptyResult,
    LoggingLevel,
    SetLevelRequestParams,
    SubscribeRequestParams,
    UnsubscribeRequestParams,
)

# MCP 2025-11-25 server/utilities/logging, the least severe first.
LEVELS: tuple[LoggingLevel, ...] = (
    "debug",
    "info",
    "notice",
    "warning",
    "error",
    "critical",
    "alert",
    "emergency",
)

# Where the package keeps what is ours of a session.
LEVEL, URIS = "level", "uris"


class Sessions:
    def __init__(self, server: MCPServer) -> None:
        self._open: set[Connection] = set()
        # 2026-07-28 has removed these methods, and the package offers no other way to declare or to serve them.
        lower = server._lowlevel_server
        lower.middleware.append(self._note)
        lower.add_request_handler("logging/setLevel", SetLevelRequestParams, self._set_level)
        lower.add_request_handler("resources/subscribe", SubscribeRequestParams, self._subscribe)
        lower.add_request_handler("resources/unsubscribe", UnsubscribeRequestParams, self._unsubscribe)
        everything = NotificationOptions(prompts_changed=True, resources_changed=True, tools_changed=True)
        options = lower.create_initialization_options
        lower.create_initialization_options = lambda *_, **__: options(everything)

    async def tools_changed(self) -> None:
        for connection in list(self._open):
            await connection.send_tool_list_changed()

    async def prompts_changed(self) -> None:
        for connection in list(self._open):
            await connection.send_prompt_list_changed()

    async def resources_changed(self) -> None:
        for connection in list(self._open):
            await connection.send_resource_list_changed()

    async def resource_updated(self, uri: str) -> None:
        for connection in list(self._open):
            if uri in connection.state.get(URIS, ()):
                await connection.send_resource_updated(uri)

    async def _note(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        connection = ctx.session._connection
        if connection.session_id is not None and connection not in self._open:
            self._open.add(connection)
            connection.exit_stack.callback(self._open.discard, connection)
        return await call_next(ctx)

    async def _set_level(self, ctx: ServerRequestContext[Any, Any], params: SetLevelRequestParams) -> EmptyResult:
        ctx.session._connection.state[LEVEL] = params.level
        return EmptyResult()

    async def _subscribe(self, ctx: ServerRequestContext[Any, Any], params: SubscribeRequestParams) -> EmptyResult:
        ctx.session._connection.state.setdefault(URIS, set()).add(params.uri)
        return EmptyResult()

    async def _unsubscribe(self, ctx: ServerRequestContext[Any, Any], params: UnsubscribeRequestParams) -> EmptyResult:
        ctx.session._connection.state.setdefault(URIS, set()).discard(params.uri)
        return EmptyResult()


async def log(context: Context, level: LoggingLevel, message: str) -> None:
    """Logs to the caller, unless its session has asked for what is more severe only."""
    least = context.session._connection.state.get(LEVEL, LEVELS[0])
    if LEVELS.index(level) >= LEVELS.index(least):
        await context.log(level, message)
