"""What each location did in each hour, kept for a year; the table that was meant for it and never
used goes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

NUMBERS = ("minutes", "syncs", "events", "queue", "doors_open", "boards_away", "taken", "slots")


def upgrade() -> None:
    """Add the table, drop the other."""
    op.drop_table("hourly")
    op.create_table(
        "hour_status",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("hour_ms", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), server_default="0", nullable=False) for name in NUMBERS),
        sa.ForeignKeyConstraint(
            ["location"], ["location.id"], name=op.f("fk_hour_status_location")
        ),
        sa.PrimaryKeyConstraint("location", "hour_ms", name=op.f("pk_hour_status")),
    )
