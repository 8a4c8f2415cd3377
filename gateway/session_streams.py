"""The streams of legacy sessions, kept in step with their sessions.

Rule: a session has one stream, the newest wherever it was opened. It is told of the resources that its session
follows now, and ends with its session.
"""

import gevent

from common.errors import Unavailable
from gateway.mcp_sessions.store import McpSessions
from gateway.open_streams import OpenStream, OpenStreams
from gateway.signals import SessionChanged, SessionEnded, SignalBoard, StreamOpened
from gateway.watches.watches import Watches


class SessionStreams:
    def __init__(self, streams: OpenStreams, watches: Watches, mcp_sessions: McpSessions, board: SignalBoard) -> None:
        self._streams = streams
        self._watches = watches
        self._mcp_sessions = mcp_sessions
        self._board = board
        # The streams whose wants are being read, and whether they have to be read once more.
        self._reading: dict[OpenStream, bool] = {}
        board.on(StreamOpened, self._end_older)
        board.on(SessionChanged, self._refresh)
        board.on(SessionEnded, self._end)

    def enter(self, stream: OpenStream) -> None:
        """An open stream takes the place of the session's others, and learns what the session follows."""
        exchange = stream.exchange
        self._board.tell_all(StreamOpened(exchange.slug, exchange.digest, exchange.mcp_session_id, stream.nonce))
        self._read_soon(stream)

    def _end_older(self, opened: StreamOpened) -> None:
        stream = self._streams.of_session(opened.slug, opened.digest, opened.session)
        if stream is not None and stream.nonce < opened.nonce:
            stream.end()

    def _refresh(self, changed: SessionChanged) -> None:
        stream = self._streams.of_session(changed.slug, changed.digest, changed.session)
        if stream is not None:
            self._read_soon(stream)

    def _end(self, ended: SessionEnded) -> None:
        stream = self._streams.of_session(ended.slug, ended.digest, ended.session)
        if stream is not None:
            stream.end()

    def _read_soon(self, stream: OpenStream) -> None:
        """Beside whoever says so, since it waits for Redis; of two readings the later ends later."""
        is_read = stream in self._reading
        self._reading[stream] = True
        if not is_read:
            gevent.spawn(self._read, stream)

    def _read(self, stream: OpenStream) -> None:
        try:
            while self._reading[stream]:
                self._reading[stream] = False
                self._read_wants(stream)
        finally:
            del self._reading[stream]

    def _read_wants(self, stream: OpenStream) -> None:
        exchange = stream.exchange
        try:
            uris = self._mcp_sessions.subscriptions(exchange.slug, exchange.digest, exchange.mcp_session_id)
        except Unavailable:
            stream.end()  # the client opens another, which will know; this one would keep changes from it
            return
        if self._streams.want(stream, sorted(uris)):
            self._watches.enter(stream)
