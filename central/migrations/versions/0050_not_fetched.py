"""Packages of one state, the newest first: an index of those that were not fetched."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    states = "'PENDING', 'STORED', 'EXPIRED', 'CANCELLED', 'COLLECTED', 'MISSING'"
    some = sa.text(f"status IN ({states})")
    op.create_index(
        "ix_package_not_fetched",
        "package",
        ["status", "announced_ms"],
        sqlite_where=some,
        postgresql_where=some,
    )
