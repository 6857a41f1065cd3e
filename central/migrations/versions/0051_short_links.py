"""Where the short links in SMS lead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0051"
down_revision = "0050"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make the table and its index."""
    op.create_table(
        "short_link",
        sa.Column("mark", sa.Text(), primary_key=True),
        sa.Column("package", sa.Text(), sa.ForeignKey("package.id"), nullable=False),
        sa.Column("recipient", sa.Text(), sa.ForeignKey("recipient.id"), nullable=False),
        sa.Column("created_ms", WHOLE, nullable=False, server_default="0"),
        sqlite_strict=True,
    )
    op.create_index("ix_short_link_created_ms", "short_link", ["created_ms"])
