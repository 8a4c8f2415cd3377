"""A desk at which a program of the suite's gets a workspace for its server, from the tests that have started it.

Rule: such a program is started a dozen times at once. Thanks to the desk it needs no database, and so starts at once.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

from local.ports import HOST


@contextmanager
def desk(register: Callable[[str], tuple[str, str]]) -> Iterator[str]:
    """The address that answers the URL of a server with what `register` returns for it, in JSON, one after another."""

    class Request(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            server_url = self.rfile.read(int(self.headers["Content-Length"])).decode()
            body = json.dumps(register(server_url)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer((HOST, 0), Request)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
