"""Acts for a FakeUpstream that is polled: streams that end too early.

Rule: as the protocol says (MCP 2025-11-25 basic/transports): first an event without data that has an id, and says when
to come back for the rest over a GET. Each id is good for one, in the session of its call.
"""

import json

from upstream.fake_turns import Act, Turn
from upstream.sse import render_event


class Polls:
    """The streams that somebody has to come back for, by session and event id."""

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], Act] = {}
        self._count = 0

    def prime(self, turn: Turn, retry_ms: int | None) -> str:
        """The id of the event that begins a stream."""
        self._count += 1
        event_id = f"event-{self._count}"
        retry = "" if retry_ms is None else f"retry: {retry_ms}\n"
        turn.write_chunk(f"id: {event_id}\n{retry}data: \n\n".encode())
        return event_id

    def leave(self, turn: Turn, event_id: str, go_on: Act) -> None:
        self._waiting[turn.session, event_id] = go_on

    def go_on(self, turn: Turn) -> None:
        """Serve a GET that has a Last-Event-ID."""
        act = self._waiting.pop((turn.session, turn.request.headers["last-event-id"]), None)
        if act is None:
            turn.refuse(400, -32600, "no such event")
        else:
            act(turn)


def polled(times: int = 1, retry_ms: int | None = 20, *, cuts: bool = False) -> Act:
    """A stream that ends `times` times before its answer, each after a progress; `cuts`: without its last chunk."""

    def act(turn: Turn) -> None:
        _tell(turn, turn.request.message["id"], turn.request.params.get("_meta", {}).get("progressToken"), 0)

    def _tell(turn: Turn, call: object, token: object, step: int) -> None:
        polls = turn.server.polls
        turn.begin_stream()
        event_id = polls.prime(turn, retry_ms)
        if step == times:
            answer = {"jsonrpc": "2.0", "id": call, "result": {"content": [{"type": "text", "text": "polled"}]}}
            turn.write_chunk(render_event(json.dumps(answer).encode(), b"message", b"last"))
            turn.end_stream()
            return
        turn.write_message({"method": "notifications/progress", "params": {"progressToken": token, "progress": step}})
        polls.leave(turn, event_id, lambda later: _tell(later, call, token, step + 1))
        if cuts:
            turn.end()
        else:
            turn.end_stream()

    return act
