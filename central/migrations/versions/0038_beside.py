"""Several people of one household are notified of a package."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("recipient", sa.Column("beside", sa.Text()))
    op.create_index(
        "ix_recipient_beside",
        "recipient",
        ["beside"],
        sqlite_where=sa.text("beside IS NOT NULL"),
        postgresql_where=sa.text("beside IS NOT NULL"),
    )
