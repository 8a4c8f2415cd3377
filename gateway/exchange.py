"""One request, and all that is learned about it from stage to stage.

Rule: each stage fills in its own fields and reads those of the stages before it; nothing outlives the response.
"""

from collections.abc import Generator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from common import clock
from gateway.directory.callers import Caller, parse_caller
from gateway.protocol.eras import Spoken
from gateway.protocol.jsonrpc import Message
from gateway.protocol.refusals import Headers

if TYPE_CHECKING:
    from common.admission.records import Answer
    from gateway.catalog.merge import Route
    from gateway.directory.snapshots import Snapshot
    from upstream.client import Reply


class Response:
    """`body` is the whole answer, or a generator of Server-Sent Events."""

    __slots__ = ("body", "headers", "status")

    def __init__(self, status: int, body: bytes | Generator[bytes], headers: Headers = ()) -> None:
        self.status = status
        self.body = body
        self.headers = headers


class Exchange:
    """Times are microseconds since the epoch (`began_us`, `ended_us`) or lengths (`upstream_us`)."""

    __slots__ = (
        "answer",
        "began_us",
        "body",
        "call_id",
        "called_at",
        "client",
        "decision",
        "digest",
        "environ",
        "greenlet",
        "is_watched",
        "message",
        "mirrored",
        "must_ask_again",
        "noted",
        "outcome",
        "reply",
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
        self.spoken: Spoken | None = None
        self.answer: Answer | None = None
        self.snapshot: Snapshot | None = None
        self.route: Route | None = None
        self.mirrored: dict[str, str] | None = None
        self.reply: Reply | None = None
        self.greenlet: Any = None
        self.is_watched = False
        self.must_ask_again = False  # a cut has come by since admission was asked
        self.noted = False
        self.outcome = "ok"
        self.decision = "admitted"
        self.client = ""
        self.called_at = 0.0
        self.upstream_us = 0
        self.response_bytes = 0

    def note_upstream_time(self) -> None:
        """The server has answered, or failed to: what it took is known now. Said again when a stream ends."""
        self.upstream_us = round((clock.monotonic() - self.called_at) * clock.MICROSECONDS)

    @property
    def request_id(self) -> bytes:
        """The request's id as JSON; `null` while it is unknown."""
        return (self.message.id if self.message else None) or b"null"

    @property
    def known(self) -> "Known":
        """What admission has learned, for the stages behind it."""
        if self.message is None or self.spoken is None or self.answer is None or self.snapshot is None:
            raise RuntimeError("A stage behind admission was reached without it.")
        return Known(self.message, self.spoken, parse_caller(self.answer.ref), self.snapshot)


class Known(NamedTuple):
    """An admitted request: nothing of it is missing any more."""

    message: Message
    spoken: Spoken
    caller: Caller
    snapshot: "Snapshot"
