"""Who was forgotten stands in the database, too, by which each server keeps its own list whole."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table. How many lines of its file a server's database knew stands in `meta` until
    that server starts."""
    op.create_table(
        "forgotten",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("line", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_forgotten")),
        sqlite_strict=True,
    )
