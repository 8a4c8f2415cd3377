"""Rows that a gateway needs, written straight into a database: an account, workspaces, servers, tokens.

Rule: for tests of the gateway alone; whatever tests the portal goes through its services.
"""

import json
import uuid
from datetime import datetime

from sqlalchemy import Engine
from sqlalchemy.orm import Session

from common import clock, tokens
from common.db import write_options
from common.ids import new_id
from common.models import (
    Account,
    EnvironmentName,
    Server,
    ServerAuth,
    ServerSessions,
    Token,
    Workspace,
    WorkspaceStatus,
)
from common.sealing.keyring import Keyring
from common.sealing.seal import seal
from tests.cast import MASTER_KEYS


class Tenants:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._keyring = Keyring(MASTER_KEYS)
        self.account_id = new_id()
        self.workspaces: dict[str, uuid.UUID] = {}
        self._add(
            Account(
                id=self.account_id,
                name="Acme",
                plan="pro",
                created_at=clock.now(),
                activity_key=self._keyring.new_data_key(),
                activity_head=b"",
            )
        )

    def add_workspace(self, slug: str, *, rate_limit: int = 120, execution_timeout: int = 60) -> uuid.UUID:
        workspace = Workspace(
            id=new_id(),
            account_id=self.account_id,
            slug=slug,
            name=slug.title(),
            description="",
            status=WorkspaceStatus.ACTIVE,
            region="local",
            rate_limit=rate_limit,
            execution_timeout=execution_timeout,
            data_key=self._keyring.new_data_key(),
            created_at=clock.now(),
        )
        self._add(workspace)
        self.workspaces[slug] = workspace.id
        return workspace.id

    def add_token(
        self, workspace_id: uuid.UUID, *, rate_limit: int | None = None, expires_at: datetime | None = None
    ) -> str:
        """The plaintext of a new bot's token."""
        minted = tokens.mint()
        self._add(
            Token(
                id=new_id(),
                workspace_id=workspace_id,
                environment=EnvironmentName.PROD,
                name="bot",
                member_id=None,
                digest=minted.digest,
                display=minted.display,
                rate_limit=rate_limit,
                expires_at=expires_at,
                created_by=None,
                created_at=clock.now(),
            )
        )
        return minted.plaintext

    def add_server(
        self,
        workspace_id: uuid.UUID,
        url: str,
        *,
        prefix: str = "",
        headers: list[tuple[str, str]] | None = None,
        timeout: int = 60,
        sessions: ServerSessions = ServerSessions.SHARED,
    ) -> uuid.UUID:
        server = Server(
            id=new_id(),
            workspace_id=workspace_id,
            name=prefix or "main",
            prefix=prefix,
            url=url,
            auth=ServerAuth.HEADERS if headers else ServerAuth.NONE,
            credentials=None,
            connect_timeout=5,
            timeout=timeout,
            sessions=sessions,
            era="legacy",
            server_name="",
            server_version="",
            tools=[],
            probed_at=clock.now(),
            created_at=clock.now(),
        )
        with self.writing() as session, session.begin():
            workspace = session.get_one(Workspace, workspace_id)
            if headers:
                server.credentials = seal(
                    self._keyring.unwrap(workspace.data_key),
                    json.dumps(headers).encode(),
                    workspace_id=workspace_id,
                    environment="",
                    name=server.seal_name,
                )
            session.add(server)
            workspace.version += 1
        return server.id

    def writing(self) -> Session:
        return Session(self._engine.execution_options(**write_options), expire_on_commit=False)

    def _add(self, row: Account | Workspace | Token) -> None:
        with self.writing() as session, session.begin():
            session.add(row)
