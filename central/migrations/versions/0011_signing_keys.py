"""Keys that the server's commands are signed with, and which one each kiosk trusts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table and the column; kiosks that are enrolled trust the first key."""
    op.create_table(
        "signing_key",
        sa.Column("number", WHOLE, primary_key=True, autoincrement=True),
        sa.Column("public_key", sa.Text(), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("created_ms", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_signing_key"),
        sa.UniqueConstraint("public_key", name="uq_signing_key_public_key"),
        sqlite_strict=True,
    )
    trusted = sa.Column("signing_key", sa.Text(), server_default="", nullable=False)
    op.add_column("location", trusted)
