"""When a location's kiosk went out of service for good."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column."""
    op.add_column("location", sa.Column("retired_ms", WHOLE, nullable=True))
