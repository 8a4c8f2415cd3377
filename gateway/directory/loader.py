"""Reads workspaces from the database; the only place here that knows SQL.

Rule: reads only, from the primary, each answer from one statement or one transaction. A database that does not
answer is `DirectoryUnavailable`, never an empty answer.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Literal

from sqlalchemy import Engine, and_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from common import clock
from common.admission.records import TokenRecord, WorkspaceRecord
from common.models import Server as ServerRow
from common.models import Token, Workspace, WorkspaceStatus
from gateway.directory.callers import render_caller
from gateway.directory.snapshots import Server, Snapshot

# Total over the statuses: a new one has to be decided on here.
_STATUSES: dict[WorkspaceStatus, Literal["active", "frozen", "gone"]] = {
    WorkspaceStatus.PROVISIONING: "active",
    WorkspaceStatus.ACTIVE: "active",
    WorkspaceStatus.FROZEN: "frozen",
    WorkspaceStatus.OFFBOARDING: "gone",
    WorkspaceStatus.DELETED: "gone",
}


class DirectoryUnavailable(Exception):
    """The database does not answer; what Redis knows goes on working."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What the database says of a token in a workspace; None: it opens nothing there."""

    token: TokenRecord | None
    workspace: WorkspaceRecord | None


class Loader:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def read_standing(self, slug: str, digest: bytes) -> Standing:
        """Token and workspace in one statement, so that both are of one moment."""
        query = (
            select(
                Workspace.status,
                Workspace.version,
                Workspace.rate_limit,
                Token.id,
                Token.environment,
                Token.member_id,
                Token.rate_limit.label("token_limit"),
                Token.expires_at,
                Token.revoked_at,
            )
            .outerjoin_from(Workspace, Token, and_(Token.workspace_id == Workspace.id, Token.digest == digest))
            .where(Workspace.slug == slug)
        )
        with self._session() as session:
            row = session.execute(query).first()
        if row is None:
            return Standing(None, None)
        workspace = WorkspaceRecord(status=_STATUSES[row.status], version=row.version, limit=row.rate_limit)
        if row.id is None or row.revoked_at is not None or _has_expired(row.expires_at):
            return Standing(None, workspace)
        token = TokenRecord(
            limit=row.token_limit or 0,
            expires_us=0 if row.expires_at is None else clock.to_us(row.expires_at),
            version=0,
            ref=render_caller(row.id, row.environment.value, row.member_id),
        )
        return Standing(token, workspace)

    def read_snapshot(self, slug: str) -> Snapshot | None:
        """The workspace and its enabled servers, of one moment."""
        with self._session() as session:
            workspace = session.scalar(select(Workspace).where(Workspace.slug == slug))
            if workspace is None:
                return None
            servers = session.scalars(
                ServerRow.owned_by(workspace.id).where(ServerRow.enabled).order_by(ServerRow.prefix, ServerRow.id)
            ).all()
        return Snapshot(
            workspace_id=workspace.id.hex,
            slug=slug,
            name=workspace.name,
            version=workspace.version,
            execution_timeout=workspace.execution_timeout,
            data_key=workspace.data_key,
            servers=tuple(
                Server(
                    id=row.id.hex,
                    name=row.name,
                    prefix=row.prefix,
                    url=row.url,
                    credentials=row.credentials,
                    seal_name=row.seal_name,
                    definition=_definition(row),
                    connect_timeout=row.connect_timeout,
                    timeout=row.timeout,
                    sessions=row.sessions.value,
                )
                for row in servers
            ),
        )

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine, expire_on_commit=False) as session:
                yield session
        except SQLAlchemyError as fault:
            raise DirectoryUnavailable(type(fault).__name__) from fault


def _definition(row: ServerRow) -> str:
    """The same for servers that may share connections: whatever they depend on is in it."""
    parts = (row.id, row.url, row.credentials, row.connect_timeout, row.timeout, row.sessions.value)
    return sha256(repr(parts).encode()).hexdigest()


def _has_expired(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at <= clock.now()
