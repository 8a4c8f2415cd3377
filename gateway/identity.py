"""How the gateway names itself, to clients and to servers."""

from msgspec import Raw

from gateway.directory.snapshots import Snapshot
from gateway.protocol.jsonrpc import encode

NAME = "stoa"
VERSION = "0.1.0"


def server_info(snapshot: Snapshot) -> Raw:
    """What a client of this workspace is told, as JSON."""
    return Raw(encode({"name": NAME, "title": snapshot.name, "version": VERSION}))
