"""How the gateway names itself to a workspace's clients."""

from msgspec import Raw

from common.product import NAME, VERSION
from gateway.directory.snapshots import Snapshot
from gateway.protocol.jsonrpc import encode


def server_info(snapshot: Snapshot) -> Raw:
    """What a client of this workspace is told, as JSON."""
    return Raw(encode({"name": NAME, "title": snapshot.name, "version": VERSION}))
