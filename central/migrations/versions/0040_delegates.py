"""Whom people have named to fetch a package for them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0040"
down_revision = "0039"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "delegate",
        sa.Column("id", sa.Text(), primary_key=True),
        sa.Column("package", sa.Text(), sa.ForeignKey("package.id"), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, server_default=""),
        sa.Column("until_ms", WHOLE, nullable=False, server_default="0"),
        sa.Column("created_ms", WHOLE, nullable=False, server_default="0"),
        *(sa.Column(f"{name}_ms", WHOLE) for name in ("known", "ended", "closed", "fetched")),
        sqlite_strict=True,
    )
    op.create_index("ix_delegate_package", "delegate", ["package", "created_ms"])
