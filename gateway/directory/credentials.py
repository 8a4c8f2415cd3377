"""Turns a server's sealed credentials into the headers that it wants.

Rule: opened only when a connection to that server is about to be set up, kept only in its target, never logged.
"""

import json
import uuid

from common.sealing.keyring import Keyring
from common.sealing.unseal import unseal
from gateway.directory.snapshots import Server, Snapshot


def open_headers(keyring: Keyring, snapshot: Snapshot, server: Server) -> tuple[tuple[str, str], ...]:
    if server.credentials is None:
        return ()
    opened = unseal(
        keyring.unwrap(snapshot.data_key),
        server.credentials,
        workspace_id=uuid.UUID(snapshot.workspace_id),
        environment="",
        name=server.seal_name,
    )
    return tuple((name, value) for name, value in json.loads(opened))
