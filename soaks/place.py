"""Where a soak takes place: a workspace, and a running gateway.

Rule: whatever is made or revoked goes through the services, as it does when somebody clicks it in the portal.
"""

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from common.models import User
from soaks.calls import Address
from soaks.servers import SoakedServer
from webapp.resources import Resources
from webapp.services import servers, tokens, workspaces


@dataclass(frozen=True, slots=True)
class Key:
    """A token: what opens the workspace, and what it is revoked by."""

    id: uuid.UUID
    plaintext: str


@dataclass(frozen=True, slots=True)
class Place:
    """`pids` are the gateway's processes; `log` is what they have written so far."""

    resources: Resources
    owner: User
    workspace_id: uuid.UUID
    slug: str
    port: int
    pids: Callable[[], list[int]]
    log: Callable[[], str]

    @property
    def address(self) -> Address:
        return Address(self.port, f"/ws/{self.slug}")

    def add_server(self, server: SoakedServer, timeout: int) -> None:
        """Probed and added as the portal does it; `timeout` in seconds, for a whole call."""
        with self.resources.transaction(write=False, actor=self.owner) as ctx:
            draft = servers.plan_server(
                ctx, self.workspace_id, name=server.name.title(), prefix=server.name, url=server.url
            )
        draft = replace(draft, timeout=timeout)
        probe = servers.probe_draft(self.resources.settings, draft)
        with self.resources.transaction(write=True, actor=self.owner) as ctx:
            servers.add_server(ctx, self.workspace_id, draft, probe)

    def new_key(self, name: str) -> Key:
        with self.resources.transaction(write=True, actor=self.owner) as ctx:
            token, plaintext = tokens.create_token(ctx, self.workspace_id, name=name)
        return Key(token.id, plaintext)

    def revoke(self, key: Key) -> float:
        """When it was answered, on the monotonic clock."""
        with self.resources.transaction(write=True, actor=self.owner) as ctx:
            tokens.revoke_token(ctx, self.workspace_id, key.id)
        return time.monotonic()

    def destroy(self) -> float:
        """Delete the whole workspace; when that was answered, on the monotonic clock."""
        with self.resources.transaction(write=True, actor=self.owner) as ctx:
            workspaces.delete_workspace(ctx, self.workspace_id, typed_slug=self.slug)
        return time.monotonic()
