"""FakeUpstream: an honest MCP server of either era, scriptable for faults.

Rule: unscripted it keeps the protocol as strictly as a real server (sessions, headers that must
agree with the body, ids echoed); scripted it misbehaves once, or always, exactly as asked. It
records each request and each session. Ships for tests and demonstrations, never for service.

    with FakeUpstream("both", live=True) as fake:
        fake.offer("ask", asks(FORM))           # a tool with an act of its own: fake_talk, fake_polls, …
        fake.live.change("tools")               # list_changed to every open GET or listen stream
        fake.live.update("file:///a")           # resources/updated to whoever subscribed
        fake.opened, fake.ended                 # sessions: what each declared; which were DELETEd
        fake.forget_sessions()                  # as after a restart: each id is 404 from now on
"""

import itertools
import socket
import ssl
import threading
from collections import defaultdict, deque
from contextlib import suppress
from typing import Any, Self

import httptools

from upstream.eras import LEGACY_VERSIONS
from upstream.fake_honest import honest
from upstream.fake_live import Live
from upstream.fake_polls import Polls
from upstream.fake_turns import Act, Json, Request, Turn, read_request

ECHO: Json = {
    "name": "echo",
    "description": "Says its arguments again",
    "inputSchema": {"type": "object", "properties": {"text": {"type": "string"}}},
}
LIVE: Json = {
    "tools": {"listChanged": True},
    "prompts": {"listChanged": True},
    "resources": {"listChanged": True, "subscribe": True},
    "logging": {},
}
EMPTY_LISTS: dict[str, Json] = {
    "prompts/list": {"prompts": []},
    "resources/list": {"resources": []},
    "resources/templates/list": {"resourceTemplates": []},
}


class FakeUpstream:
    """`era`: modern, legacy or both; `live`: it tells of changes, and has every other capability too.

    Use as a context manager; it listens on loopback.
    """

    def __init__(
        self,
        era: str = "both",
        *,
        tools: list[Json] | None = None,
        page_size: int = 0,
        streams: bool = False,
        legacy_version: str = LEGACY_VERSIONS[0],
        keeps_sessions: bool = True,
        live: bool = False,
        tls: ssl.SSLContext | None = None,
    ):
        self.era, self.page_size, self.streams = era, page_size, streams
        self.tools = [ECHO] if tools is None else tools
        self.legacy_version, self.keeps_sessions = legacy_version, keeps_sessions
        self.requests: list[Request] = []
        self.connections = 0
        self.sessions: set[str] = set()
        # What each session that was ever opened has declared, and the sessions that were ended by DELETE.
        self.opened: dict[str, Json] = {}
        self.ended: list[str] = []
        self.levels: dict[str, str] = {}
        self.visits: dict[str, int] = {}
        # Each requestState given away: of which request it is, and what was answered by then.
        self.states: dict[str, tuple[str, dict[str, Json]]] = {}
        self.is_live, self.live = live, Live()
        self.polls = Polls()
        self.closing = threading.Event()
        self._tls = tls
        self.capabilities: Json = dict(LIVE) if live else {"tools": {}}
        # What a modern list or read says of its freshness.
        self.freshness: Json = {"ttlMs": 0, "cacheScope": "private"}
        # What else it answers, by method: prompts, resources, completions.
        self.results: dict[str, Json] = dict(EMPTY_LISTS) if live else {}
        self._tool_acts: dict[str, Act] = {}
        self._once: defaultdict[str, deque[Act]] = defaultdict(deque)
        self._always: dict[str, Act] = {}
        self._session_ids = itertools.count(1)
        self._peers: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}/mcp"

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        with suppress(OSError):  # wakes the thread that accepts
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop_connections()

    def script(self, method: str, *acts: Act) -> None:
        """Answer the next requests for `method` by these acts, one each."""
        self._once[method].extend(acts)

    def always(self, method: str, act: Act | None) -> None:
        """Answer every request for `method` by this act; None: honestly again."""
        if act is None:
            self._always.pop(method, None)
        else:
            self._always[method] = act

    def offer(self, name: str, act: Act, **definition: Any) -> None:
        """A tool that is answered by an act of its own, once the request is one that the protocol allows."""
        self.tools = [*self.tools, {"name": name, "inputSchema": {"type": "object"}, **definition}]
        self._tool_acts[name] = act

    def act_of_tool(self, turn: Turn) -> Act | None:
        if turn.request.method != "tools/call":
            return None
        return self._tool_acts.get(turn.request.params.get("name", ""))

    def forget_sessions(self) -> None:
        """As after a restart: no session is known any more, and their streams are over."""
        self.sessions.clear()
        self.live.end()

    def drop_connections(self) -> None:
        """Close what is open, as a server does with kept connections after a while."""
        for peer in list(self._peers):
            with suppress(OSError):  # the peer was faster
                peer.shutdown(socket.SHUT_RDWR)

    @property
    def open_connections(self) -> int:
        return len(self._peers)

    def count(self, method: str) -> int:
        return sum(request.method == method for request in self.requests)

    def last(self, method: str) -> Request:
        return next(request for request in reversed(self.requests) if request.method == method)

    def open_session(self, capabilities: Json) -> str:
        """The new session's id; "" when this server keeps none."""
        if not self.keeps_sessions:
            self.opened[""] = capabilities
            return ""
        session = f"session-{next(self._session_ids)}"
        self.opened[session] = capabilities
        self.sessions.add(session)
        return session

    def end_session(self, session: str) -> None:
        if session in self.sessions:
            self.sessions.discard(session)
            self.ended.append(session)

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                peer, _ = self._listener.accept()
            except OSError:  # closed
                return
            self.connections += 1
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        # A client that left, refused our certificate, or does not speak HTTP.
        with suppress(OSError, httptools.HttpParserError):
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self._tls is not None:
                peer = self._tls.wrap_socket(peer, server_side=True)
            self._peers.add(peer)
            try:
                while (request := read_request(peer)) is not None:
                    self.requests.append(request)
                    turn = Turn(self, peer, request)
                    self._act_for(request.method)(turn)
                    if turn.is_over:
                        break
            finally:
                self._peers.discard(peer)
                peer.close()

    def _act_for(self, method: str) -> Act:
        if self._once[method]:
            return self._once[method].popleft()
        return self._always.get(method, honest)
