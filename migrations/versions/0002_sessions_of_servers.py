"""Servers say who shares a session with them; those that are there go on sharing one.

Revises: 0001.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("servers", sa.Column("sessions", sa.String(16), nullable=False, server_default="shared"))


def downgrade() -> None:
    op.drop_column("servers", "sessions")
