"""The files that kiosks send because they were asked to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "location_file",
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), server_default="", nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["location"], ["location.id"], name=op.f("fk_location_file_location")
        ),
        sa.PrimaryKeyConstraint("command", name=op.f("pk_location_file")),
        sqlite_strict=True,
    )
    op.create_index("ix_location_file_location", "location_file", ["location", "created_ms"])
    op.create_index("ix_location_file_created", "location_file", ["created_ms"])
