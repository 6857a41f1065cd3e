"""The shop that a package comes from, as its recipient knows it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0053"
down_revision = "0052"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; of what is there already nobody said it. It is sealed when it is written."""
    op.add_column("package", sa.Column("shop", sa.Text(), nullable=False, server_default=""))
