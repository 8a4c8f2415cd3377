"""A tap on the line between gateways and Valkey: passes everything on, and keeps what ask.lua answered.

Rule: judges nothing and changes nothing; what it keeps is what the script itself returned, times included.
"""

import selectors
import socket
import threading
from pathlib import Path

import hiredis

from common.admission.records import Answer, Verdict, parse_answer

RECEIVE_BYTES = 1 << 16


class Tap:
    """A Unix socket at `directory`/tap.sock that leads to `target`; `answers` in the order of their arrival."""

    def __init__(self, directory: Path, target: Path) -> None:
        self._target = target
        self._path = directory / "tap.sock"
        self._selector = selectors.DefaultSelector()
        self._peers: dict[socket.socket, tuple[socket.socket, hiredis.Reader | None]] = {}
        self._listener = socket.socket(socket.AF_UNIX)
        self._wake, self._woken = socket.socketpair()
        self._thread = threading.Thread(target=self._run)
        self.answers: list[Answer] = []

    @property
    def url(self) -> str:
        return f"unix://{self._path}"

    def start(self) -> None:
        self._listener.bind(str(self._path))
        self._listener.listen()
        self._selector.register(self._listener, selectors.EVENT_READ)
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread.start()

    def stop(self) -> None:
        self._wake.send(b"x")
        self._thread.join()
        for each in (self._listener, self._wake, self._woken, *self._peers):
            each.close()
        self._selector.close()

    def _run(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listener:
                    self._accept()
                elif isinstance(key.fileobj, socket.socket):
                    self._pass_on(key.fileobj)

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._target))
        self._peers[client] = (server, None)
        self._peers[server] = (client, hiredis.Reader())
        for each in (client, server):
            self._selector.register(each, selectors.EVENT_READ)

    def _pass_on(self, source: socket.socket) -> None:
        if source not in self._peers:
            return  # its other end was closed in the same turn
        other, replies = self._peers[source]
        try:
            received = source.recv(RECEIVE_BYTES)
            other.sendall(received)
        except OSError:  # one end was killed with something under way
            received = b""
        if not received:
            for each in (source, other):
                self._selector.unregister(each)
                del self._peers[each]
                each.close()
            return
        if replies is not None:
            replies.feed(received)
            while (reply := replies.gets()) is not False:
                self._keep(reply)

    def _keep(self, reply: object) -> None:
        # ask.lua answers with a packed string whose first byte is a verdict, or with that and a session's state; all
        # other strings on a line are text, and all other pairs begin with something else.
        if isinstance(reply, list) and len(reply) == 2:
            reply = reply[0]
        if isinstance(reply, bytes) and reply and reply[:1] < bytes([len(Verdict)]):
            self.answers.append(parse_answer(reply))
