"""Turns a server's sealed credentials into the headers that it wants.

Rule: opened only when a connection to that server is about to be set up, kept only in its target, never logged.
"""

import json
import uuid

from common.sealing.keyring import Keyring, KeyringError
from common.sealing.unseal import UnsealError, unseal
from gateway.directory.snapshots import Server, Snapshot
from upstream.faults import UpstreamFault


def open_headers(keyring: Keyring, snapshot: Snapshot, server: Server) -> tuple[tuple[str, str], ...]:
    """Raises UpstreamFault for what does not open: one server's trouble must not be its neighbours'."""
    if server.credentials is None:
        return ()
    try:
        opened = unseal(
            keyring.unwrap(snapshot.data_key),
            server.credentials,
            workspace_id=uuid.UUID(snapshot.workspace_id),
            environment="",
            name=server.seal_name,
        )
    except (KeyringError, UnsealError):
        sentence = "Its stored credentials cannot be opened. Remove the server in the portal and add it again."
        raise UpstreamFault("unauthorized", sentence) from None
    return tuple((name, value) for name, value in json.loads(opened))
