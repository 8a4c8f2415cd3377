"""Servers and their surroundings for the tests of `upstream`: addresses, certificates, a real MCP server."""

import datetime
import ipaddress
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import ip_network
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from common.clock import monotonic, now
from local.ports import answers, free_port
from tests.waiting import until
from upstream.address import Addresses
from upstream.client import Upstream
from upstream.connection import WireLimits
from upstream.parties import Kept, Party, SessionStore
from upstream.target import Target
from upstream.wire import Pool

LOOPBACK = Addresses(private=[ip_network("127.0.0.0/8")])
TLS = ssl.create_default_context()  # once: it costs more than a test
ECHO = {"name": msgspec.Raw(b'"echo"'), "arguments": msgspec.Raw(b'{"text":"hi"}')}


def text_of(message: dict[str, msgspec.Raw]) -> str:
    return msgspec.json.decode(message["result"])["content"][0]["text"]


class Upstreams:
    """Makes them, and closes them when the test is over."""

    def __init__(self) -> None:
        self._made: list[Upstream] = []

    def __call__(
        self,
        url: str,
        *,
        timeout: float = 5.0,
        headers: tuple[tuple[str, str], ...] = (),
        limits: WireLimits | None = None,
        tls: ssl.SSLContext = TLS,
        store: SessionStore | None = None,
    ) -> Upstream:
        pool = Pool(LOOPBACK, tls=tls, limits=limits)
        target = Target(url, headers=headers, timeout=timeout, connect_timeout=2.0)
        self._made.append(Upstream(target, pool, "stoa", "1", store=store))
        return self._made[-1]

    def close(self) -> None:
        for upstream in self._made:
            upstream.close()


class Shelf:
    """A store that the upstreams of one test share, as processes do."""

    def __init__(self) -> None:
        self.kept: dict[Party, Kept] = {}
        self.touched: dict[Party, float] = {}
        self.touches = 0

    def find(self, party: Party) -> Kept | None:
        return self.kept.get(party)

    def keep(self, party: Party, kept: Kept, instead_of: str | None) -> Kept:
        stored = self.kept.get(party)
        if stored is None or stored.session_id == instead_of:
            stored = self.kept[party] = kept
            self.touched[party] = monotonic()
        return stored

    def drop(self, party: Party, session_id: str, unused_for: float = 0.0) -> bool:
        stored = self.kept.get(party)
        if stored is None or stored.session_id != session_id or monotonic() - self.touched[party] < unused_for:
            return False
        del self.kept[party]
        return True

    def touch(self, party: Party) -> None:
        self.touches += 1
        self.touched[party] = monotonic()


def certificate(folder: Path, *names: str, expired: bool = False) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """What a server for these names presents, and what a client that trusts it verifies with."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "fake upstream")])
    alternatives = [
        x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name) for name in names
    ]
    day = datetime.timedelta(days=1)
    built = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now() - 3 * day)
        .not_valid_after(now() - day if expired else now() + day)
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + built.public_bytes(serialization.Encoding.PEM))
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cafile=str(pem))


REAL_SERVER = """
import sys
import uvicorn
from mcp.server import MCPServer
from mcp.server.mcpserver import Context

server = MCPServer("real")

@server.tool()
def add(a: int, b: int) -> int:
    "Adds two numbers"
    return a + b

@server.tool()
async def count(steps: int, context: Context) -> str:
    "Counts, telling how far it is"
    for step in range(steps):
        await context.report_progress(step + 1, steps)
    return "counted"

app = server.streamable_http_app()

async def before_2026(scope, receive, send):
    if dict(scope.get("headers", ())).get(b"mcp-protocol-version") == b"2026-07-28":
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"unsupported protocol version"})
    else:
        await app(scope, receive, send)

uvicorn.run(before_2026 if sys.argv[2] == "legacy" else app, host="127.0.0.1", port=int(sys.argv[1]))
"""


@contextmanager
def real_mcp_server(era: str) -> Iterator[str]:
    """The URL of a server made with the official package; told to be legacy, it refuses the modern revision."""
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", REAL_SERVER, str(port), era], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        until(lambda: answers(port), seconds=20)
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        process.terminate()
        process.wait(10)
