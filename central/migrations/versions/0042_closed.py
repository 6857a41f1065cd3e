"""Whether a location is paused so that it gives nothing out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

FLAG = sa.Boolean().with_variant(sa.INTEGER(), "sqlite")


def upgrade() -> None:
    """Add the column."""
    op.add_column(
        "location", sa.Column("is_closed", FLAG, nullable=False, server_default=sa.false())
    )
