"""The site files that kiosks are given when they are set up."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0043"
down_revision = "0042"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "site_file",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("content", sa.Text(), server_default="", nullable=False),
        sa.Column("changed_ms", WHOLE, server_default="0", nullable=False),
        sa.Column("changed_by", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["location"], ["location.id"], name=op.f("fk_site_file_location")),
        sa.PrimaryKeyConstraint("location", name=op.f("pk_site_file")),
        sqlite_strict=True,
    )
