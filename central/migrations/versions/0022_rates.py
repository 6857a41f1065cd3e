"""How often somebody may ask is counted in the database, for several servers on PostgreSQL.

The table is not logged there: after a crash everybody may ask again, which nobody minds, and no
request waits for a disk or a standby.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    op.create_table(
        "rate",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("used_until_us", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("subject", name=op.f("pk_rate")),
        prefixes=["UNLOGGED"] if is_postgresql else [],
        sqlite_strict=True,
    )
    op.create_index("ix_rate_used_until_us", "rate", ["used_until_us"])
