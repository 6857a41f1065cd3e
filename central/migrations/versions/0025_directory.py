"""What this region knows of the locations of others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")
REAL = sa.Float().with_variant(sa.REAL(), "sqlite")


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "directory",
        sa.Column("region", sa.Text(), primary_key=True),
        sa.Column("location", sa.Text(), primary_key=True),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("address", sa.Text(), nullable=False, server_default=""),
        sa.Column("latitude", REAL),
        sa.Column("longitude", REAL),
        sa.Column("free", WHOLE, nullable=False, server_default="0"),
        sa.Column("free_by_size", sa.Text(), nullable=False, server_default="{}"),
        sqlite_strict=True,
    )
    op.create_index("ix_directory_location", "directory", ["location"])
    op.create_index("ix_directory_place", "directory", ["latitude", "longitude"])
    op.create_table(
        "directory_age",
        sa.Column("region", sa.Text(), primary_key=True),
        sa.Column("as_of_ms", WHOLE, nullable=False, server_default="0"),
        sqlite_strict=True,
    )
