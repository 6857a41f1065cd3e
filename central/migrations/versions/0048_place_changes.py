"""When a carrier began or ceased to work at a location."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.database.columns import WHOLE

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table: of what changed before nobody wrote down when."""
    op.create_table(
        "place_change",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("changed_ms", WHOLE, server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("carrier", "location", name=op.f("pk_place_change")),
        sa.ForeignKeyConstraint(["carrier"], ["carrier.id"], name=op.f("fk_place_change_carrier")),
        sa.ForeignKeyConstraint(
            ["location"], ["location.id"], name=op.f("fk_place_change_location")
        ),
        sqlite_strict=True,
    )
    op.create_index(
        "ix_place_change_changed", "place_change", ["carrier", "changed_ms", "location"]
    )
