"""The feed: who reads what happens, and what waits for each reader."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make the tables, and the columns that say who reads of a location."""
    op.add_column("location", sa.Column("feeds", sa.Text(), nullable=False, server_default=""))
    op.add_column("location", sa.Column("feed_n", WHOLE, nullable=False, server_default="0"))
    op.create_table(
        "feed_reader",
        sa.Column("name", sa.Text(), primary_key=True),
        sa.Column("created_ms", WHOLE, nullable=False, server_default="0"),
        sa.Column("from_ms", WHOLE),
        sa.Column("published", WHOLE, nullable=False, server_default="0"),
        sa.Column("dropped", WHOLE, nullable=False, server_default="0"),
        sa.Column("stopped_ms", WHOLE),
        sa.Column("removed_ms", WHOLE),
        sa.Column("unread_since_ms", WHOLE),
        sqlite_strict=True,
    )
    op.create_table(
        "feed",
        sa.Column("id", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("reader", sa.Text(), nullable=False, server_default=""),
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False, server_default=""),
        sa.Column("seq", WHOLE, nullable=False, server_default="0"),
        sa.Column("body", sa.Text(), nullable=False, server_default=""),
        sa.Column("written_ms", WHOLE, nullable=False, server_default="0"),
        sqlite_strict=True,
    )
    op.create_index("ix_feed_reader", "feed", ["reader", "id"])
