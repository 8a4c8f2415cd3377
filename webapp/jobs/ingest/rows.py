"""Call rows: inserted once per call id, counted once for their token.

Rule: rows, counts and last use change in one transaction. The rows of a workspace that has been destroyed are left
out. Locks in one order: workspaces, calls, tokens, each by id.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from common.db import UTCDateTime
from common.models import Call, Token, Workspace
from webapp.jobs.ingest.records import ParsedCall


def insert_calls(session: Session, calls: Iterable[ParsedCall]) -> int:
    """How many rows were new."""
    by_id = {call.row["id"]: call for call in calls}
    rows = {row["id"]: row for row in _complete(session, by_id.values())}
    alive = _share_workspaces(session, {row["workspace_id"] for row in rows.values()})
    wanted = [rows[call_id] for call_id in sorted(rows) if rows[call_id]["workspace_id"] in alive]
    if not wanted:
        return 0
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(Call).on_conflict_do_nothing().returning(Call.id)
    fresh = session.execute(insert, wanted).scalars().all()
    _count_use(session, [rows[call_id] for call_id in fresh])
    return len(fresh)


def _complete(session: Session, calls: Collection[ParsedCall]) -> Iterator[dict[str, Any]]:
    """Rows that name token and workspace; what the record left out, the token tells. Without a token, no row."""
    vague = [call for call in calls if call.row["token_id"] is None or call.row["workspace_id"] is None]
    tokens: dict[uuid.UUID | bytes, Token] = {}
    if vague:
        known = or_(
            Token.id.in_({call.row["token_id"] for call in vague} - {None}),
            Token.digest.in_({call.digest for call in vague}),
        )
        for token in session.scalars(select(Token).where(known)):
            tokens |= {token.id: token, token.digest: token}
    for call in calls:
        if call.row["token_id"] is not None and call.row["workspace_id"] is not None:
            yield call.row
        elif token := tokens.get(call.row["token_id"] or call.digest):
            yield {
                **call.row,
                "token_id": token.id,
                "workspace_id": token.workspace_id,
                "member_id": token.member_id,
                "environment": token.environment.value,
            }


def _share_workspaces(session: Session, ids: set[uuid.UUID]) -> set[uuid.UUID]:
    """Those that exist, and go on existing until the commit."""
    query = select(Workspace.id).where(Workspace.id.in_(ids)).order_by(Workspace.id)
    return set(session.scalars(query.with_for_update(read=True, key_share=True)))


def _count_use(session: Session, rows: list[dict[str, Any]]) -> None:
    used: dict[uuid.UUID, tuple[int, datetime]] = {}
    for row in rows:
        calls, latest = used.get(row["token_id"], (0, row["at"]))
        used[row["token_id"]] = (calls + 1, max(latest, row["at"]))
    if not used:
        return
    at = bindparam("used_at", type_=UTCDateTime())
    count = (
        update(Token)
        .where(Token.id == bindparam("used_id"))
        .values(
            calls=Token.calls + bindparam("used_calls"),
            last_used_at=case(
                (or_(Token.last_used_at.is_(None), Token.last_used_at < at), at), else_=Token.last_used_at
            ),
        )
    )
    session.connection().execute(
        count,
        [
            {"used_id": token_id, "used_calls": calls, "used_at": latest}
            for token_id, (calls, latest) in sorted(used.items())
        ],
    )
