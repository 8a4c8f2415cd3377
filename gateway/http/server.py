"""The HTTP/1.1 server: a greenlet a connection, WSGI for each request.

Rule: the connections are counted, each of their waits is ended by the watchman here, and a server that is told to
stop answers what it has begun. Several processes may share the listening socket.
"""

import socket
import sys
from email.utils import formatdate
from time import monotonic
from typing import cast

import gevent
from gevent.event import Event
from gevent.server import StreamServer

from gateway.http.connection import Connection
from gateway.http.limits import HttpLimits
from gateway.http.refusals import ClientGone, render_refusal
from gateway.http.request import Environ
from gateway.http.state import Application, ServerState
from gateway.http.stream import Stream

_FULL = render_refusal(503, "The gateway has as many connections as it can hold. Please try again in a moment.")
_TURNED_AWAY_AT_ONCE = 64  # so many may read why; beyond them the connection is only closed
# Fewer, and a busy loop lets newcomers wait for seconds; more, and one of several processes takes them all.
_ACCEPTED_A_TURN = 16
_CUT_SECONDS = 1.0  # for the application to clean up after a cut; it holds nothing that outlives the process


class Server:
    """`start`; then, to end, `stop_accepting`, `drain` and `close`."""

    def __init__(self, listener: socket.socket, application: Application, limits: HttpLimits) -> None:
        listener.setblocking(False)  # another process may have taken the connection that woke this one
        self._limits = limits
        self._state = ServerState(application, limits, _date_line())
        self._base = _base_environ(listener)
        self._acceptor = StreamServer(listener, self._serve)
        self._acceptor.max_accept = _ACCEPTED_A_TURN
        self._streams: dict[Stream, gevent.Greenlet] = {}
        self._is_empty = Event()
        self._is_empty.set()
        self._watchman: gevent.Greenlet | None = None

    def start(self) -> None:
        self._acceptor.start()
        self._watchman = gevent.spawn(self._keep_watch)

    def stop_accepting(self) -> None:
        """Close this process' hold on the listening socket, so that the kernel gives connections to others only."""
        if not self._acceptor.closed:
            self._acceptor.close()

    def drain(self, seconds: float) -> int:
        """End idle connections now, the others with their response; after `seconds` cut the rest and count them."""
        self._state.is_draining = True
        for stream in self._streams:
            stream.end_if_idle()
        self._is_empty.wait(seconds)
        return self._cut()

    def close(self) -> None:
        """Cut whatever is left. The server cannot be started again."""
        self.stop_accepting()
        self._cut()
        if self._watchman is not None:
            self._watchman.kill()

    def _cut(self) -> int:
        greenlets = list(self._streams.values())
        gevent.killall(greenlets, block=False)
        gevent.joinall(greenlets, timeout=_CUT_SECONDS)
        return len(greenlets)

    def _serve(self, accepted: socket.socket, address: object) -> None:
        count = len(self._streams)
        if count >= self._limits.max_connections + _TURNED_AWAY_AT_ONCE:
            return
        stream = Stream(accepted, self._limits)
        self._streams[stream] = cast(gevent.Greenlet, gevent.getcurrent())
        self._is_empty.clear()
        try:
            if count >= self._limits.max_connections:
                _turn_away(stream)
            else:
                Connection(stream, self._state, self._base, _host_of(address)).serve()
        finally:
            stream.close()
            del self._streams[stream]
            if not self._streams:
                self._is_empty.set()

    def _keep_watch(self) -> None:
        """End waits whose deadline has passed, at most a quarter of the shortest timeout late, and tell the date."""
        interval = min(1.0, self._limits.shortest() / 4)
        while True:
            gevent.sleep(interval)  # one timer a server instead of one a wait
            self._state.date_line = _date_line()
            now = monotonic()
            for stream in self._streams:
                if stream.deadline < now:
                    stream.expire()


def _turn_away(stream: Stream) -> None:
    try:
        stream.send(_FULL)
        stream.linger()
    except ClientGone:
        pass  # Gone before it was told: what we wanted.


def _date_line() -> str:
    return f"Date: {formatdate(usegmt=True)}\r\n"


def _host_of(address: object) -> str:
    """The client's address; empty on a Unix socket."""
    return str(address[0]) if isinstance(address, tuple) else ""


def _base_environ(listener: socket.socket) -> Environ:
    name = listener.getsockname()
    return {
        "SCRIPT_NAME": "",
        "SERVER_NAME": _host_of(name),
        "SERVER_PORT": str(name[1]) if isinstance(name, tuple) else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
    }
