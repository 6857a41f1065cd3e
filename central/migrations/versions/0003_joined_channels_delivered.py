"""Packages that were found to be one, ways to people by location, messages that were delivered,
locations that are known to be silent."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns and the index of waiting commands; drop a column that nobody used."""
    op.add_column("package", sa.Column("joined", sa.Text(), nullable=True))
    channels = sa.Column("channels", sa.Text(), server_default="[]", nullable=False)
    op.add_column("location", channels)
    op.add_column("location", sa.Column("silent_told_ms", sa.BigInteger(), nullable=True))
    op.add_column("notification", sa.Column("delivered_ms", sa.BigInteger(), nullable=True))
    op.drop_column("location_epoch", "first_seq")
    is_waiting = sa.text("state = 'QUEUED'")
    op.create_index(
        "ix_command_waiting",
        "command",
        ["location", "n"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )
