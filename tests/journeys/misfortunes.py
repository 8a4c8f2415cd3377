"""Everything that goes wrong at servers, each with what its callers must be told.

Rule: each misfortune befalls a server that was honest until then, as it does in life; what `words` a sentence holds
tells what to do, or what is wrong where nothing can be done about it.
"""

import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tests.real.names import LOOPBACK, Names
from tests.upstream.servers import certificate
from upstream import fake_faults as faults
from upstream.fake import Act, FakeUpstream
from upstream.fake_turns import Turn

NAME = "gone.test"
ASKED = ("server/discover", "initialize", "tools/list", "tools/call", "prompts/list", "prompts/get")
GREETING = {"messages": [{"role": "user", "content": {"type": "text", "text": "hello"}}]}


class Certificates:
    """One that the gateway trusts, and one that it does not."""

    def __init__(self, folder: Path) -> None:
        trusted, other = folder / "trusted", folder / "other"
        for place in (trusted, other):
            place.mkdir(parents=True)
            certificate(place, LOOPBACK)
        self.trusted, self.other = trusted / "server.pem", other / "server.pem"
        self.variables = {"SSL_CERT_FILE": str(self.trusted)}


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What decides on how a server is reached, besides the server."""

    names: Names
    certificates: Certificates


class Server:
    """A server as the gateway knows it: its fake, its address, and its surroundings."""

    def __init__(self, era: str, way: str, surroundings: Surroundings) -> None:
        self.surroundings = surroundings
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER) if way == "tls" else None
        if self.tls is not None:
            self.tls.load_cert_chain(surroundings.certificates.trusted)
        self.fake = FakeUpstream(era, tls=self.tls)
        self.fake.capabilities = {"tools": {}, "prompts": {}}
        self.fake.results = {"prompts/list": {"prompts": [{"name": "greet"}]}, "prompts/get": GREETING}
        self.host = NAME if way == "name" else LOOPBACK
        self.url = self.fake.url.replace(LOOPBACK, self.host)
        if way == "name":
            surroundings.names.add(NAME)


class Misfortune(NamedTuple):
    """`way`: how the server is reached, where that is what goes wrong. `retry_after` in seconds, as it is passed on."""

    code: str
    words: str
    may_have_run: bool
    begin: Callable[[Server], None]
    retry_after: int | None = None
    way: str = ""


def stop(server: Server) -> None:
    server.fake.__exit__()


def lose_name(server: Server) -> None:
    server.surroundings.names.forget(NAME)
    server.fake.drop_connections()


def change_certificate(server: Server) -> None:
    assert server.tls is not None
    server.tls.load_cert_chain(server.surroundings.certificates.other)
    server.fake.drop_connections()


def answering(act: Act) -> Callable[[Server], None]:
    def begin(server: Server) -> None:
        for method in ASKED:
            server.fake.always(method, act)

    return begin


def cut_stream_after_progress(turn: Turn) -> None:
    """Some progress for whoever wants it, then the end of the connection."""
    token = turn.request.params.get("_meta", {}).get("progressToken")
    turn.begin_stream()
    turn.write_message({"method": "notifications/progress", "params": {"progressToken": token, "progress": 1}})
    turn.end()


MISFORTUNES: dict[str, Misfortune] = {
    "refuses connections": Misfortune("refused", "Check that it is running", False, stop),
    "has lost its name": Misfortune("dns", "Check the URL", False, lose_name, way="name"),
    "shows a certificate of its own making": Misfortune(
        "tls", "cannot be trusted (self-signed certificate)", False, change_certificate, way="tls"
    ),
    "resets the connection": Misfortune(
        "reset", "closed the connection without an answer", True, answering(faults.reset)
    ),
    "401": Misfortune("unauthorized", "has to renew them", False, answering(faults.status(401))),
    "403": Misfortune("unauthorized", "has to renew them", False, answering(faults.status(403))),
    "404": Misfortune("not_found", "Check the URL", False, answering(faults.status(404))),
    "429": Misfortune("rate_limited", "Try again in 7 s", False, answering(faults.status(429, Retry_After="7")), 7),
    "429 without a time": Misfortune("rate_limited", "Try again later", False, answering(faults.status(429))),
    "500": Misfortune("server_error", "ask whoever runs it", True, answering(faults.status(500))),
    "503 with a time": Misfortune(
        "server_error", "tried again in 9 s", True, answering(faults.status(503, Retry_After="9")), 9
    ),
    "web page": Misfortune(
        "not_mcp", "web page (text/html) instead of MCP. Check the URL", False, answering(faults.html)
    ),
    "redirect": Misfortune(
        "not_mcp", "Set the final address", False, answering(faults.status(307, Location="http://elsewhere.test/"))
    ),
    "broken JSON": Misfortune("invalid_json", "not valid JSON-RPC", True, answering(faults.invalid_json)),
    "answer to somebody else": Misfortune("wrong_id", "belongs to another request", True, answering(faults.wrong_id)),
    "endless body": Misfortune("too_large", "too large", True, answering(faults.endless_body)),
    "silence": Misfortune("timeout", "did not answer in time", True, answering(faults.hang)),
    "body cut midway": Misfortune("cut", "cut its answer off midway", True, answering(faults.cut_midway)),
    "stream cut midway": Misfortune("cut", "cut its answer off midway", True, answering(cut_stream_after_progress)),
    "stream that ends too soon": Misfortune(
        "cut", "ended its stream without the answer", True, answering(faults.end_stream_unanswered)
    ),
}


@contextmanager
def server_of(era: str, way: str, surroundings: Surroundings) -> Iterator[Server]:
    """Honest so far; closed when the test is over, whatever has befallen it."""
    server = Server(era, way, surroundings)
    with ExitStack() as leaving:
        leaving.callback(surroundings.names.forget, NAME)
        leaving.enter_context(server.fake)
        yield server
