"""How the gateway names itself to a workspace's clients."""

from functools import lru_cache

from msgspec import Raw

from common.product import NAME, VERSION
from gateway.directory.snapshots import Snapshot
from gateway.protocol.jsonrpc import encode


def server_info(snapshot: Snapshot) -> Raw:
    """What a client of this workspace is told, as JSON."""
    return _server_info(snapshot.name)


@lru_cache(maxsize=1024)  # every answer of the modern era says it
def _server_info(title: str) -> Raw:
    return Raw(encode({"name": NAME, "title": title, "version": VERSION}))
