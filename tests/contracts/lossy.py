"""A Unix socket in front of Valkey that can lose a reply, as a network does.

Rule: what is sent always arrives; the reply to the next command that carries `word` is thrown away together with its
connection. Everything sent is kept, connection by connection.
"""

import selectors
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self


class LossyProxy:
    def __init__(self, path: Path, target: Path) -> None:
        self.url = f"unix://{path}"
        self.sent: list[bytearray] = []
        self._target = target
        self._losses: list[tuple[bytes, Callable[[], object]]] = []
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._sockets: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def lose_the_reply_to(self, word: bytes, meanwhile: Callable[[], object] = lambda: None) -> None:
        """Losses queue up; `meanwhile` is called when the server has answered and before the client hears of it."""
        self._losses.append((word, meanwhile))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        for each in (self._listener, *self._sockets):
            _shut(each)
        for thread in self._threads:
            thread.join()
        for each in (self._listener, *self._sockets):
            each.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:  # the listener was shut: the test is over
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(str(self._target))
            self._sockets += [client, server]
            thread = threading.Thread(target=self._serve, args=(client, server))
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        self.sent.append(sent := bytearray())
        other, losing = {client: server, server: client}, False
        with selectors.DefaultSelector() as selector:
            for each in other:
                selector.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in selector.select():
                    source = client if key.fileobj is client else server
                    piece = b"" if source is server and losing else _receive(source)
                    if source is client:
                        sent += piece
                        losing = losing or bool(self._losses and self._losses[0][0] in piece)
                    elif losing:
                        _, meanwhile = self._losses.pop(0)
                        meanwhile()
                    if not piece:
                        _shut(client)
                        _shut(server)
                        return
                    other[source].sendall(piece)


def _receive(source: socket.socket) -> bytes:
    try:
        return source.recv(1 << 20)
    except OSError:  # shut from the other side, or by the end of the test
        return b""


def _shut(each: socket.socket) -> None:
    try:
        each.shutdown(socket.SHUT_RDWR)
    except OSError:  # it has gone already
        return
