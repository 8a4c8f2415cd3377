"""One response: from WSGI's start_response to bytes on the stream.

Rule: a body of one item leaves with its head in one call; several items leave chunked, each at once. A header with
a line break, with which an application could write a second response into the first, is an error of the application.
"""

from types import TracebackType

from gateway.http.body import Body
from gateway.http.request import Request
from gateway.http.state import ServerState
from gateway.http.stream import Stream

Fields = list[tuple[str, str]]
Failure = tuple[type[BaseException], BaseException, TracebackType | None]

_BODILESS = ("204", "304")


class Response:
    __slots__ = (
        "_body",
        "_fields",
        "_is_bodiless",
        "_is_chunked",
        "_left",
        "_request",
        "_state",
        "_status",
        "_stream",
        "has_begun",
        "keeps_alive",
    )

    def __init__(self, stream: Stream, request: Request, body: Body, state: ServerState) -> None:
        self._stream = stream
        self._request = request
        self._body = body
        self._state = state
        self._status = ""
        self._fields: Fields = []
        self._is_bodiless = False
        self._is_chunked = False
        self._left: int | None = None
        self.has_begun = False
        """Whether bytes may have left, so that no other response can be sent in its place."""
        self.keeps_alive = request.keep_alive

    def start(self, status: str, fields: Fields, failure: Failure | None = None):
        """WSGI's start_response (PEP 3333)."""
        if failure is not None:
            if self.has_begun:
                raise failure[1].with_traceback(failure[2])
        elif self._status:
            raise RuntimeError("start_response was called twice.")
        self._status = status
        self._fields = fields
        return self.write

    def send_only(self, body: bytes) -> None:
        """Send the head and the whole body."""
        head = self._begin(len(body))
        self._stream.send(head if self._is_bodiless else head + body)

    def write(self, item: bytes) -> None:
        """Send one item of several, after the head if that has not left."""
        if not item:
            return
        head = b"" if self.has_begun else self._begin(None)
        if self._is_bodiless:
            item = b""
        elif self._is_chunked:
            item = b"%x\r\n%b\r\n" % (len(item), item)
        elif self._left is not None:
            self._left -= len(item)
            if self._left < 0:
                raise RuntimeError("The application sent more than its Content-Length.")
        self._stream.send(head + item)

    def end(self) -> None:
        """Say that the last item has been written."""
        if not self.has_begun:
            self.send_only(b"")
        elif self._is_chunked:
            self._stream.send(b"0\r\n\r\n")
        elif self._left and not self._is_bodiless:
            raise RuntimeError("The application sent less than its Content-Length.")

    def _begin(self, length: int | None) -> bytes:
        """Decide how the body is delimited (RFC 9112 §6.3) and render the head. `length` is None when unknown."""
        status, fields, request = self._status, self._fields, self._request
        if not status:
            raise RuntimeError("The application did not call start_response.")
        lines = f"HTTP/1.1 {status}\r\n" + "".join([f"{name}: {value}\r\n" for name, value in fields])
        if lines.count("\n") != len(fields) + 1 or lines.count("\r") != len(fields) + 1:
            raise ValueError("A line break in a response header.")
        self._is_bodiless = request.method == "HEAD" or status.startswith(_BODILESS)
        framing = self._framing(lines, length)
        if self._state.is_draining or not self._body.may_be_dropped():
            self.keeps_alive = False
        if not self.keeps_alive:
            framing += "Connection: close\r\n"
        elif not request.is_http_11:
            framing += "Connection: keep-alive\r\n"
        head = f"{lines}{framing}{self._state.date_line}\r\n".encode("latin-1")
        self.has_begun = True
        return head

    def _framing(self, lines: str, length: int | None) -> str:
        if "\ncontent-length:" in lines.lower():
            self._left = next(int(value) for name, value in self._fields if name.lower() == "content-length")
            if length is not None and length != self._left and not self._is_bodiless:
                raise ValueError("The application's Content-Length is not the length of its body.")
            return ""
        if self._status.startswith(_BODILESS):
            return ""
        if length is not None:
            return f"Content-Length: {length}\r\n"
        if self._is_bodiless:
            return ""
        if self._request.is_http_11:
            self._is_chunked = True
            return "Transfer-Encoding: chunked\r\n"
        self.keeps_alive = False  # HTTP/1.0 knows the end of such a body by the end of the connection only.
        return ""
