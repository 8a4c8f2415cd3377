"""One client's connection: request after request, answered in order.

Rule: the next head is not looked at before the response to the last has left. What breaks the framing ends the
connection; so does a body that the application did not read, unless its rest is short.
"""

import logging
from time import monotonic

from gateway.http.body import Body
from gateway.http.fields import EMPTY_LINES, STRAY_CONTROL
from gateway.http.refusals import ClientGone, Refusal, render_refusal
from gateway.http.request import Environ, Request, parse_request
from gateway.http.response import Response
from gateway.http.state import ServerState
from gateway.http.stream import Stream

logger = logging.getLogger(__name__)

_END = b"\r\n\r\n"


class Connection:
    __slots__ = ("_base", "_head", "_limits", "_state", "_stream")

    def __init__(self, stream: Stream, state: ServerState, base: Environ, peer: str) -> None:
        self._stream = stream
        self._state = state
        self._limits = state.limits
        self._head = b""
        self._base = {**base, "REMOTE_ADDR": peer, "stoa.peer": peer, "stoa.connection": stream}

    def serve(self) -> None:
        """Answer until either side has had enough."""
        stream = self._stream
        try:
            while self._serve_request():
                stream.end_watch()
        except ClientGone:
            pass
        except Refusal as refusal:
            self._refuse(refusal)

    def _serve_request(self) -> bool:
        """Answer one request; whether another may follow."""
        stream = self._stream
        self._head = b""
        self._head = head = self._receive_head()
        if not head:
            return False
        request = parse_request(head, self._base, self._limits)
        body = Body(stream, request, self._state)
        request.environ["wsgi.input"] = body
        response = Response(stream, request, body, self._state)
        self._run(request, response)
        if response.keeps_alive:
            if not body.is_complete:
                self._drop(body)
            return True
        if stream.buffer or not body.is_complete:
            stream.end_watch()
            stream.linger()
        return False

    def _run(self, request: Request, response: Response) -> None:
        try:
            items = self._state.application(request.environ, response.start)
            try:
                if isinstance(items, (list, tuple)) and len(items) == 1 and not response.has_begun:
                    response.send_only(items[0])
                else:
                    for item in items:
                        response.write(item)
                    response.end()
            finally:
                close = getattr(items, "close", None)
                if close is not None:
                    close()
        except ClientGone:
            raise
        except Refusal as refusal:
            if response.has_begun:
                raise ClientGone("The response was cut.") from refusal
            raise
        except Exception as failure:  # Whatever the application raises must become an answer, or a cut one.
            environ = request.environ
            logger.exception("The application failed at %s %s", request.method, environ["PATH_INFO"])
            if response.has_begun:
                raise ClientGone("The response was cut.") from failure
            raise Refusal(500, "The gateway failed at this request. The failure has been logged.") from failure

    def _drop(self, body: Body) -> None:
        """Take a short unread rest off the stream; the response has left already, so nobody can be told."""
        try:
            body.read()
        except Refusal as refusal:
            raise ClientGone("The rest of the body did not come.") from refusal

    def _refuse(self, refusal: Refusal) -> None:
        stream = self._stream
        stream.end_watch()
        with_body = not self._head.startswith(b"HEAD ")
        try:
            stream.send(render_refusal(refusal.status, refusal.sentence, with_body=with_body))
            stream.linger()
        except ClientGone:
            pass  # Refused and gone: nothing to say.

    def _receive_head(self) -> bytes:
        """The next head with its empty line; empty when the client has left between two requests."""
        stream = self._stream
        if not stream.buffer:
            if self._state.is_draining:
                return b""
            stream.is_idle = True
            stream.buffer = stream.receive(monotonic() + self._limits.idle_timeout)
            stream.is_idle = False
            if not stream.buffer:
                return b""
        end = stream.buffer.find(_END)
        if end <= 0 or stream.buffer.startswith(b"\r\n"):
            end = self._receive_rest_of_head()
            if end < 0:
                return b""
        head = stream.buffer[: end + 4]
        stream.buffer = stream.buffer[end + 4 :]
        if end > self._limits.max_target:
            self._check_size(head)
        return head

    def _receive_rest_of_head(self) -> int:
        """Where the head in the buffer ends, once it does; -1 when the client leaves having sent line breaks only."""
        stream = self._stream
        deadline = monotonic() + self._limits.head_timeout
        seen = 0
        while True:
            if empty_lines := EMPTY_LINES.match(stream.buffer):
                stream.buffer = stream.buffer[empty_lines.end() :]  # RFC 9112 §2.2: passed over before a request
                seen = 0
            end = stream.buffer.find(_END, max(0, seen - 3))
            if end >= 0:
                return end
            self._check_size(stream.buffer)
            if STRAY_CONTROL.search(stream.buffer, max(0, seen - 1)):
                raise Refusal(400, _sentence_for_strays(stream.buffer))
            seen = len(stream.buffer)
            received = stream.receive(deadline)
            stream.buffer += received
            if not received:
                if stream.is_expired:
                    raise Refusal(408, "The request's head came too slowly. Please send the request again.")
                if stream.buffer:
                    raise ClientGone("The client closed the connection in the middle of a request.")
                return -1

    def _check_size(self, head: bytes) -> None:
        limits = self._limits
        line_end = head.find(b"\r\n")
        if line_end > limits.max_target or (line_end < 0 and len(head) > limits.max_target):
            raise Refusal(414, f"The request line is longer than the {limits.max_target} bytes accepted here.")
        if len(head) - line_end > limits.max_head:
            raise Refusal(
                431, f"The request's header fields are longer than the {limits.max_head} bytes accepted here."
            )


def _sentence_for_strays(head: bytes) -> str:
    if head.startswith(b"\x16\x03"):
        return "This port speaks plain HTTP, and a TLS handshake arrived. Please use the https address of the service."
    return "Lines of a request end with CRLF and hold no other control characters."
