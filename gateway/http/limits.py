"""How much one client may ask of the HTTP server, and how slowly.

Rule: every wait of the server ends and every buffer has a size; the numbers are all here.
"""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """Sizes in bytes, times in seconds."""

    max_body: int = 4 * MIB
    """What the MCP SDKs' servers accept; a tool's arguments are far smaller."""

    max_arriving: int = 256 * MIB
    """Bodies in arrival, of all connections together: whoever sends them is not known yet."""

    max_target: int = 8 * KIB
    """RFC 9112 §3 asks for 8000 at least; our own paths stay under 200."""

    max_head: int = 32 * KIB
    """All header fields together; bearer tokens and trace context fill 1 KiB."""

    max_fields: int = 100
    """Real clients send 8 to 30; each costs a table lookup."""

    max_chunks: int = 16_384
    """A 4 MiB body in pieces of 256 bytes; one-byte chunks would cost a second of CPU."""

    head_timeout: float = 10.0
    """From the first byte of a request to the end of its head: one or two packets of a live client."""

    body_timeout: float = 10.0
    """The grace of a body; beyond it the body must come at `min_rate`."""

    send_timeout: float = 20.0
    """The grace of a reader; beyond it one piece of an answer must be taken at `min_rate`."""

    min_rate: int = 16 * KIB
    """Bytes a second, under which a peer is trickling: a full body then ends in five minutes."""

    idle_timeout: float = 75.0
    """A kept-alive connection without a request: longer than the 60 s after which common proxies leave first."""

    max_connections: int = 12_000
    """Ten thousand idle streams and two thousand calls, at 32 KiB each under 400 MiB."""

    linger_timeout: float = 2.0
    """How long a refused client may go on sending before the reset, so that it can read why."""

    linger_bytes: int = 1 * MIB
    """How much of what a refused client goes on sending is thrown away before the reset."""

    def shortest(self) -> float:
        return min(self.head_timeout, self.body_timeout, self.send_timeout, self.idle_timeout, self.linger_timeout)
