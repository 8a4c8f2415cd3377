import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from local.ports import free_port
from local.readiness import find_lack


@contextmanager
def answering(status: int, body: bytes) -> Iterator[int]:
    """The port of a server that says this about itself."""

    class Health(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/readyz" else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    with http.server.HTTPServer(("127.0.0.1", 0), Health) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_whoever_is_able_lacks_nothing() -> None:
    with answering(200, b"ready\n") as port:
        assert find_lack(port) is None


def test_whoever_is_not_able_is_quoted() -> None:
    with answering(503, b"waiting for redis\n") as port:
        assert find_lack(port) == "it says 503, waiting for redis"


def test_nobody_does_not_answer() -> None:
    assert find_lack(free_port()) == "it does not answer"
