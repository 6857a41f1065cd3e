"""How many digits a PIN has that was made from now on; of those before it is not known."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    whole = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
    op.add_column("staff", sa.Column("pin_digits", whole))
