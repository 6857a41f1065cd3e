"""A row of the feed says when its event was received, so that it is found in its month."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column. What waits already is looked for in all months, as before."""
    op.add_column("feed", sa.Column("received_ms", WHOLE))
