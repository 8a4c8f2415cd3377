"""One request, and all that is learned about it from stage to stage.

Rule: each stage fills in its own fields and reads those of the stages before it. It ends with its response or, where a
client of the handshake era has gone before that, with its call. A reply that is parked is no longer its own.
"""

import math
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from msgspec import Raw

from common import clock
from gateway.directory.callers import Caller, parse_caller
from gateway.mcp_sessions.records import McpSession
from gateway.protocol.capabilities import NONE
from gateway.protocol.eras import Spoken, find_log_level
from gateway.protocol.jsonrpc import Members, Message
from gateway.protocol.refusals import Headers
from upstream.eras import META_CAPABILITIES, Era

if TYPE_CHECKING:
    from common.admission.records import Answer
    from gateway.catalog.merge import Route
    from gateway.directory.snapshots import Snapshot


class Response:
    """`body` is the whole answer, or a generator of Server-Sent Events."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes | Generator[bytes], headers: Headers = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers


class Replying(Protocol):
    """A server's reply, as `upstream.answers.Reply` gives it and as it comes by way of another process."""

    message: Members | None
    era: Era

    @property
    def events(self) -> Iterator[Members] | None: ...

    def answer(self, request_id: Raw, outcome: Mapping[str, Raw]) -> None: ...

    def extend(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class Exchange:
    """Times are microseconds since the epoch (`began_us`, and `expires_us` of the token, 0: never) or lengths
    (`upstream_us`), and seconds on the monotonic clock (`called_at`, `deadline`).

    `progress_token` is ours, as JSON, of the call at the server; `asked` are the questions of the server that the
    client has before it: their ids as JSON, and the ids under which they were passed on.
    """

    __slots__ = (
        "_known",
        "answer",
        "asked",
        "began_us",
        "body",
        "call_id",
        "called_at",
        "client",
        "deadline",
        "decision",
        "digest",
        "environ",
        "expires_us",
        "greenlet",
        "is_batched",
        "is_call",
        "is_stream",
        "is_watched",
        "mcp_session",
        "mcp_session_id",
        "message",
        "mirrored",
        "must_ask_again",
        "noted",
        "outcome",
        "progress_token",
        "reply",
        "request_bytes",
        "response_bytes",
        "route",
        "slug",
        "snapshot",
        "spoken",
        "upstream_us",
    )

    def __init__(self, environ: Mapping[str, Any], began_us: int, call_id: str) -> None:
        self.environ = environ
        self.began_us = began_us
        self.call_id = call_id
        self.slug = ""
        self.digest = b""
        self.body = b""
        self.message: Message | None = None
        self._known: Known | None = None
        self.spoken: Spoken | None = None
        self.is_call = False
        self.is_stream = False  # it is open for as long as the client likes
        self.is_batched = False  # its answer is one of several: nothing can be said or asked before it
        self.mcp_session_id = ""
        self.mcp_session: McpSession | None = None
        self.answer: Answer | None = None
        self.expires_us = 0
        self.snapshot: Snapshot | None = None
        self.route: Route | None = None
        self.mirrored: dict[str, str] | None = None
        self.reply: Replying | None = None
        self.progress_token = b""
        self.asked: dict[bytes, str] = {}
        self.deadline = math.inf
        self.greenlet: Any = None
        self.is_watched = False
        self.must_ask_again = False  # a cut has come by since admission was asked
        self.noted = False
        self.outcome = "ok"
        self.decision = "admitted"
        self.client = ""
        self.called_at = 0.0
        self.upstream_us = 0
        self.request_bytes = 0
        self.response_bytes = 0

    def note_upstream_time(self) -> None:
        """The server has answered, or failed to: what it took is known now. Said again when a stream ends."""
        self.upstream_us = round((clock.monotonic() - self.called_at) * clock.MICROSECONDS)

    @property
    def request_id(self) -> bytes:
        """The request's id as JSON; `null` while it is unknown."""
        return (self.message.id if self.message else None) or b"null"

    @property
    def declared(self) -> bytes:
        """What the client says it can be asked, as JSON. In a batch nothing can be asked before all is answered."""
        if self.is_batched or self.spoken is None:
            return NONE
        if self.spoken.era is Era.MODERN:
            return bytes((self.spoken.meta or {}).get(META_CAPABILITIES, NONE))
        return self.mcp_session.capabilities if self.mcp_session is not None else NONE

    @property
    def log_level(self) -> str:
        """From which level on the client wants messages, in the way of its era; '' when it has not said."""
        if self.mcp_session is not None:
            return self.mcp_session.log_level
        meta = self.spoken.meta if self.spoken is not None else None
        return find_log_level(meta) if meta is not None else ""

    def shed(self) -> None:
        """A stream may stay for hours: let go of what was posted for it."""
        self.body = b""
        self._known = None
        if self.message is not None:
            self.message = self.message._replace(params={})
        if self.spoken is not None and self.spoken.meta is not None:
            kept = {key: raw.copy() for key, raw in self.spoken.meta.items() if key == META_CAPABILITIES}
            self.spoken = self.spoken._replace(meta=kept)

    def begin_upstream(self) -> float:
        """From here on its server has the time that it has for an answer, in seconds."""
        timeout = self.call_timeout
        self.called_at = clock.monotonic()
        self.deadline = self.called_at + timeout
        return timeout

    @property
    def call_timeout(self) -> float:
        """How long its server has for an answer, in seconds: the server's own time or the workspace's."""
        if self.route is None or self.snapshot is None:
            raise RuntimeError("Only a call that has a route has its time.")
        return min(self.route.server.timeout, self.snapshot.execution_timeout)

    @property
    def known(self) -> "Known":
        """What admission has learned, for the stages behind it."""
        known = self._known
        if known is None or known.snapshot is not self.snapshot:
            if self.message is None or self.spoken is None or self.answer is None or self.snapshot is None:
                raise RuntimeError("A stage behind admission was reached without it.")
            known = Known(self.message, self.spoken, parse_caller(self.answer.ref), self.snapshot)
            self._known = known  # several stages ask for it
        return known


class Known(NamedTuple):
    """An admitted request: nothing of it is missing any more."""

    message: Message
    spoken: Spoken
    caller: Caller
    snapshot: "Snapshot"
