"""A proxy that adds a bearer token to every request, for clients that cannot send one.

Rule: everything else passes byte for byte and at once, in both directions: streams, Host and Origin, and the end of
either side. Each connection carries one request, so that no second one slips through without the token.
"""

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from local.ports import HOST

PIECE = 65_536
LONGEST_HEAD = 65_536

# A header of the client's that must not reach the server beside ours.
REPLACED = (b"authorization:", b"connection:")


@contextmanager
def bearer_proxy(url: str, token: str, port: int = 0) -> Iterator[str]:
    """The URL at which `url` is found with the token added, on `port` or one that is free."""
    parts = urlsplit(url)
    proxy = _Proxy(parts.hostname or HOST, parts.port or 80, token)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        port = asyncio.run_coroutine_threadsafe(proxy.listen(port), loop).result()
        yield f"http://{HOST}:{port}{parts.path}"
    finally:
        asyncio.run_coroutine_threadsafe(proxy.close(), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


class _Proxy:
    def __init__(self, host: str, port: int, token: str) -> None:
        self._address = (host, port)
        self._ours = (f"Authorization: Bearer {token}".encode(), b"Connection: close")
        self._server: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()

    async def listen(self, port: int) -> int:
        self._server = await asyncio.start_server(self._serve, HOST, port, limit=LONGEST_HEAD)
        return self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._running.add(task)
        try:
            # Either side may go away at any moment: that is how streams end.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._relay(client, to_client)
        finally:
            self._running.discard(task)
            to_client.close()

    async def _relay(self, client: asyncio.StreamReader, to_client: asyncio.StreamWriter) -> None:
        request_line, *fields = (await client.readuntil(b"\r\n\r\n")).split(b"\r\n")
        kept = [field for field in fields if not field.lower().startswith(REPLACED)]
        server, to_server = await asyncio.open_connection(*self._address)
        to_server.write(b"\r\n".join([request_line, *self._ours, *kept]))
        copies = [asyncio.create_task(_copy(client, to_server)), asyncio.create_task(_copy(server, to_client))]
        try:
            # Whoever ends first ends both: a client that leaves cancels its call.
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                copy.cancel()
            to_server.close()


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while piece := await source.read(PIECE):
            target.write(piece)
            await target.drain()
