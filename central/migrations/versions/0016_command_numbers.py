"""Each location counts the commands to its kiosk: its row says which number is the next."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column, with the highest number that each location has given out."""
    op.add_column("location", sa.Column("command_n", WHOLE, server_default="0", nullable=False))
    op.execute(
        "UPDATE location SET command_n = coalesce("
        "(SELECT max(n) FROM command WHERE command.location = location.id), 0)"
    )
