"""Each call is one row and counts once, in whatever order and however often it arrives."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

from sqlalchemy import select

from common import clock
from common.models import Call, Token
from tests.cast import Cast
from webapp.jobs.ingest.records import ParsedCall
from webapp.jobs.ingest.rows import insert_calls
from webapp.services import workspaces

NOW = clock.from_us(1_800_000_000_000_000)


def call(cast: Cast, number: int, *, digest: bytes = b"", **changes: Any) -> ParsedCall:
    row = {
        "id": f"c{number:04d}",
        "at": NOW + timedelta(seconds=number),
        "workspace_id": cast.workspace.id,
        "environment": "prod",
        "token_id": cast.dana.id,
        "member_id": None,
        "server_id": None,
        "tool": "echo",
        "method": "tools/call",
        "outcome": "ok",
        "decision": "",
        "duration_us": 1,
        "upstream_us": 1,
        "request_bytes": 1,
        "response_bytes": 1,
        "client": "",
        "protocol": "",
    }
    return ParsedCall({**row, **changes}, digest)


def insert(cast: Cast, calls: Iterable[ParsedCall]) -> int:
    with cast.resources.transaction(write=True) as ctx:
        return insert_calls(ctx.session, calls)


def dana(cast: Cast) -> Token:
    with cast.session() as session:
        return session.get_one(Token, cast.dana.id)


def rows(cast: Cast) -> list[Call]:
    with cast.session() as session:
        return list(session.scalars(select(Call).order_by(Call.id)))


def test_a_call_is_counted_once_however_often_it_arrives(cast: Cast):
    assert insert(cast, [call(cast, 1), call(cast, 2), call(cast, 1)]) == 2
    assert insert(cast, [call(cast, 2), call(cast, 3)]) == 1
    assert insert(cast, []) == 0
    assert [row.id for row in rows(cast)] == ["c0001", "c0002", "c0003"]
    assert (dana(cast).calls, dana(cast).last_used_at) == (3, NOW + timedelta(seconds=3))


def test_a_late_record_does_not_turn_the_last_use_back(cast: Cast):
    insert(cast, [call(cast, 9)])
    insert(cast, [call(cast, 1)])
    assert (dana(cast).calls, dana(cast).last_used_at) == (2, NOW + timedelta(seconds=9))


def test_the_calls_of_a_destroyed_workspace_are_left_out(cast: Cast):
    with cast.acts(cast.alice) as ctx:
        gone = workspaces.create_workspace(ctx, cast.acme.id, name="Gone")
        workspaces.delete_workspace(ctx, gone.id, typed_slug=gone.slug)
    assert insert(cast, [call(cast, 1, workspace_id=gone.id), call(cast, 2)]) == 1
    assert [row.id for row in rows(cast)] == ["c0002"]


def test_what_a_record_left_out_the_token_tells(cast: Cast):
    vague = {"workspace_id": None, "environment": ""}
    assert (
        insert(
            cast,
            [
                call(cast, 1, **vague),
                call(cast, 2, token_id=None, digest=cast.dana.digest, **vague),
                call(cast, 3, token_id=None, digest=b"\0" * 32, **vague),
                call(cast, 4, token_id=cast.alice.id, **vague),
            ],
        )
        == 2
    )
    assert [(row.workspace_id, row.environment, row.token_id) for row in rows(cast)] == [
        (cast.workspace.id, "prod", cast.dana.id)
    ] * 2
    assert dana(cast).calls == 2


def test_a_thousand_calls_are_written_at_once(cast: Cast):
    assert insert(cast, [call(cast, number) for number in range(1000)]) == 1000
    assert dana(cast).calls == 1000
