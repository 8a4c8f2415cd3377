"""The foundation: users, accounts, workspaces, tokens, servers, activity, outbox, calls.

Revises: nothing. Names of constraints come from the naming convention in `common/db.py`.
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
WORD = sa.String(16)


def upgrade() -> None:
    _create_users_and_accounts()
    _create_workspaces()
    _create_tokens_and_servers()
    _create_records()


def downgrade() -> None:
    names = "calls outbox activity servers tokens workspace_members environments slug_claims workspaces"
    for table in [*names.split(), "account_members", "accounts", "users"]:
        op.drop_table(table)


def _create_users_and_accounts() -> None:
    op.create_table(
        "users",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("email", sa.String(254), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("session_epoch", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "accounts",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("plan", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("activity_key", sa.LargeBinary(), nullable=False),
        sa.Column("activity_seq", sa.Integer(), nullable=False),
        sa.Column("activity_head", sa.LargeBinary(), nullable=False),
    )
    op.create_table(
        "account_members",
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True, index=True),
        sa.Column("role", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )


def _create_workspaces() -> None:
    op.create_table(
        "workspaces",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), nullable=False, index=True),
        sa.Column("slug", sa.String(32), nullable=False, unique=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("region", sa.String(32), nullable=False),
        sa.Column("tenancy", WORD, nullable=False),
        sa.Column("rate_limit", sa.Integer(), nullable=False),
        sa.Column("execution_timeout", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("data_key", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "slug_claims",
        sa.Column("slug", sa.String(32), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
    )
    op.create_table(
        "environments",
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("name", WORD, primary_key=True),
        sa.Column("status", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )
    op.create_table(
        "workspace_members",
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), primary_key=True),
        sa.Column("user_id", sa.Uuid(), sa.ForeignKey("users.id"), primary_key=True, index=True),
        sa.Column("role", WORD, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
    )


def _create_tokens_and_servers() -> None:
    op.create_table(
        "tokens",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False, index=True),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("member_id", sa.Uuid(), sa.ForeignKey("users.id"), index=True),
        sa.Column("digest", sa.LargeBinary(32), nullable=False, unique=True),
        sa.Column("display", WORD, nullable=False),
        sa.Column("rate_limit", sa.Integer()),
        sa.Column("expires_at", MOMENT),
        sa.Column("created_by", sa.Uuid(), sa.ForeignKey("users.id")),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("revoked_at", MOMENT),
        sa.Column("last_used_at", MOMENT),
        sa.Column("calls", sa.BigInteger(), nullable=False),
    )
    op.create_table(
        "servers",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("workspace_id", sa.Uuid(), sa.ForeignKey("workspaces.id"), nullable=False, index=True),
        sa.Column("name", sa.String(80), nullable=False),
        sa.Column("prefix", WORD, nullable=False),
        sa.Column("url", sa.String(2048), nullable=False),
        sa.Column("auth", WORD, nullable=False),
        sa.Column("credentials", sa.LargeBinary()),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("connect_timeout", sa.Integer(), nullable=False),
        sa.Column("timeout", sa.Integer(), nullable=False),
        sa.Column("era", WORD, nullable=False),
        sa.Column("server_name", sa.String(200), nullable=False),
        sa.Column("server_version", sa.String(100), nullable=False),
        sa.Column("tools", sa.JSON(), nullable=False),
        sa.Column("probed_at", MOMENT, nullable=False),
        sa.Column("probe_error", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.UniqueConstraint("workspace_id", "prefix"),
    )


def _create_records() -> None:
    op.create_table(
        "activity",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("account_id", sa.Uuid(), sa.ForeignKey("accounts.id"), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("actor_id", sa.Uuid()),
        sa.Column("actor", sa.String(254), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("workspace_id", sa.Uuid()),
        sa.Column("target_id", sa.Uuid()),
        sa.Column("target", sa.String(254), nullable=False),
        sa.Column("address", sa.String(64), nullable=False),
        sa.Column("request_id", sa.String(64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("mac", sa.LargeBinary(32), nullable=False),
        sa.UniqueConstraint("account_id", "seq"),
    )
    op.create_index("ix_activity_workspace_id_seq", "activity", ["workspace_id", "seq"])
    op.create_table(
        "outbox",
        sa.Column("id", sa.Uuid(), primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False, index=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("last_error", sa.Text()),
    )
    op.create_table(
        "calls",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("workspace_id", sa.Uuid(), nullable=False),
        sa.Column("environment", WORD, nullable=False),
        sa.Column("token_id", sa.Uuid(), nullable=False),
        sa.Column("member_id", sa.Uuid()),
        sa.Column("server_id", sa.Uuid()),
        sa.Column("tool", sa.String(128), nullable=False),
        sa.Column("method", sa.String(64), nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("decision", sa.String(32), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("upstream_us", sa.BigInteger(), nullable=False),
        sa.Column("request_bytes", sa.BigInteger(), nullable=False),
        sa.Column("response_bytes", sa.BigInteger(), nullable=False),
        sa.Column("client", sa.String(100), nullable=False),
        sa.Column("protocol", WORD, nullable=False),
    )
    op.create_index("ix_calls_workspace_id_at", "calls", ["workspace_id", "at"])
