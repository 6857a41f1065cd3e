"""Where carriers work, and which share of the doors they have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.schema import WHOLE, Flag

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; every carrier works everywhere, and nothing is kept for any."""
    op.add_column(
        "carrier", sa.Column("is_limited", Flag, server_default=sa.false(), nullable=False)
    )
    op.create_table(
        "carrier_location",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("carrier", "location", name=op.f("pk_carrier_location")),
        sa.ForeignKeyConstraint(
            ["carrier"], ["carrier.id"], name=op.f("fk_carrier_location_carrier")
        ),
        sa.ForeignKeyConstraint(
            ["location"], ["location.id"], name=op.f("fk_carrier_location_location")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_carrier_location_location", "carrier_location", ["location"])
    op.create_table(
        "carrier_area",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("area", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("carrier", "area", name=op.f("pk_carrier_area")),
        sa.ForeignKeyConstraint(["carrier"], ["carrier.id"], name=op.f("fk_carrier_area_carrier")),
        sa.ForeignKeyConstraint(["area"], ["area.id"], name=op.f("fk_carrier_area_area")),
        sqlite_strict=True,
    )
    op.create_index("ix_carrier_area_area", "carrier_area", ["area"])
    op.create_table(
        "door_share",
        sa.Column("location", sa.Text(), nullable=False),
        sa.Column("size", sa.Text(), nullable=False),
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("least", WHOLE, server_default="0", nullable=False),
        sa.Column("most", WHOLE, nullable=True),
        sa.CheckConstraint(
            "least >= 0 AND (most IS NULL OR most >= least)", name=op.f("ck_door_share_least")
        ),
        sa.PrimaryKeyConstraint("location", "size", "carrier", name=op.f("pk_door_share")),
        sa.ForeignKeyConstraint(["location"], ["location.id"], name=op.f("fk_door_share_location")),
        sa.ForeignKeyConstraint(["carrier"], ["carrier.id"], name=op.f("fk_door_share_carrier")),
        sqlite_strict=True,
    )
