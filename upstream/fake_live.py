"""Live: the streams on which a FakeUpstream speaks, and its questions.

Rule: in the legacy era one GET stream a session, in the modern era what `subscriptions/listen`
asked for and nothing else, each message with its subscription's id. An answer counts only in the
session in which was asked.
"""

import itertools
import queue
import select
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from upstream.eras import META_SUBSCRIPTION
from upstream.fake_turns import Json, Turn

PATIENCE_SECONDS = 30.0  # a test that leaves a question unanswered for longer has failed anyway


class OpenStream:
    """One of them: of a legacy `session`, or of a modern request with its `filter`."""

    def __init__(self, turn: Turn, session: str | None, filter: Json):
        self.turn, self.session, self.filter = turn, session, filter
        self._lock = threading.Lock()

    @property
    def is_modern(self) -> bool:
        return self.session is None

    def say(self, method: str, params: Json | None = None) -> None:
        params = dict(params or {})
        if self.is_modern:
            params["_meta"] = {META_SUBSCRIPTION: self.turn.request.message["id"]}
        self.write({"method": method, **({"params": params} if params else {})})

    def write(self, message: Json) -> None:
        with self._lock, suppress(OSError):  # the client was faster to leave
            self.turn.write_message(message)

    def end(self) -> None:
        """As a server that shuts down: a modern stream ends with its result."""
        if self.is_modern:
            request_id = self.turn.request.message["id"]
            result = {"resultType": "complete", "_meta": {META_SUBSCRIPTION: request_id}}
            self.write({"id": request_id, "result": result})
        with self._lock, suppress(OSError):  # as in `write`
            self.turn.end_stream()
            self.turn.peer.shutdown(socket.SHUT_WR)

    def hold(self) -> None:
        """Until the client leaves, or the stream was ended."""
        while not self.turn.server.closing.is_set():
            with suppress(OSError):  # dropped from beside
                readable, _, _ = select.select([self.turn.peer], [], [], 0.5)
                if readable and not self.turn.peer.recv(1):
                    break
                continue
            break
        self.turn.end()


class Live:
    """Those open at one FakeUpstream, and its questions under way."""

    def __init__(self) -> None:
        self.open: list[OpenStream] = []
        self.subscriptions: dict[str, set[str]] = {}
        self._asked: dict[tuple[str, str], tuple[object, queue.SimpleQueue[Json]]] = {}
        self._numbers = itertools.count(1)

    @property
    def questions(self) -> list[str]:
        """The ids of those that no client has answered yet."""
        return [question for _, question in list(self._asked)]

    def listen(self, turn: Turn) -> None:
        """Serve `subscriptions/listen`, or a GET, until its end."""
        if turn.request.verb == "GET":
            stream = OpenStream(turn, turn.request.headers.get("mcp-session-id", ""), {})
            if any(other.session == stream.session for other in self.open):
                turn.answer(b"", 409)  # as the official server does
                return
        else:
            stream = OpenStream(turn, None, turn.request.params.get("notifications") or {})
        self.open.append(stream)  # before its client can know that it is there
        try:
            turn.begin_stream()
            if stream.is_modern:
                stream.say("notifications/subscriptions/acknowledged", {"notifications": stream.filter})
            stream.hold()
        finally:
            self.open.remove(stream)

    def change(self, kind: str) -> int:
        """Say that the list of tools, prompts or resources has changed; to how many streams."""
        wanting = [each for each in self.open if not each.is_modern or each.filter.get(f"{kind}ListChanged")]
        for stream in wanting:
            stream.say(f"notifications/{kind}/list_changed")
        return len(wanting)

    def update(self, uri: str) -> int:
        """Say that a resource has changed, to those who subscribed to it; to how many streams."""
        wanting = [each for each in self.open if uri in self._uris_of(each)]
        for stream in wanting:
            stream.say("notifications/resources/updated", {"uri": uri})
        return len(wanting)

    def _uris_of(self, stream: OpenStream) -> set[str]:
        if stream.is_modern:
            return set(stream.filter.get("resourceSubscriptions") or ())
        return self.subscriptions.get(stream.session or "", set())

    def end(self) -> None:
        for stream in list(self.open):
            stream.end()

    def ask_in(self, turn: Turn, method: str, params: Json) -> Json:
        """Ask on the stream of a call: the client's `{"result": …}` or `{"error": …}`; {} when it cancelled."""
        return self._ask(turn.session, turn.request.message.get("id"), turn.write_message, method, params)

    def ask(self, session: str, method: str, params: Json) -> Json:
        """Ask on the GET stream of a session."""
        stream = next(each for each in self.open if each.session == session)
        return self._ask(session, None, stream.write, method, params)

    def _ask(self, session: str, call: object, write: Callable[[Json], None], method: str, params: Json) -> Json:
        question = f"q-{next(self._numbers)}"
        answers: queue.SimpleQueue[Json] = queue.SimpleQueue()
        self._asked[session, question] = (call, answers)
        try:
            write({"id": question, "method": method, "params": params})
            return answers.get(timeout=PATIENCE_SECONDS)
        finally:
            del self._asked[session, question]

    def take(self, turn: Turn) -> None:
        """What a client posts that is no request: its answers, and that it waits no more."""
        message, session = turn.request.message, turn.session
        if "method" not in message:
            _, answers = self._asked.get((session, str(message.get("id"))), (None, None))
            if answers is not None:
                answers.put({key: message[key] for key in ("result", "error") if key in message})
        elif message["method"] == "notifications/cancelled":
            for (asked_in, _), (call, answers) in list(self._asked.items()):
                if asked_in == session and call == turn.request.params.get("requestId"):
                    answers.put({})
