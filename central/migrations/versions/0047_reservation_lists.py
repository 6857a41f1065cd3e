"""Lists of reservations: what they are read along."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the indexes, in place of those that nothing was read along."""
    has_one = sa.text("reference IS NOT NULL")
    behind = ["state", "created_ms", "id"]
    for whose in ("sender", "carrier"):
        name = f"ix_reservation_{whose}"
        op.drop_index(name, "reservation")
        op.create_index(f"{name}_state", "reservation", [whose, *behind])
        op.create_index(f"{name}_at", "reservation", [whose, "location", *behind])
        op.create_index(
            f"{name}_reference",
            "reservation",
            [whose, "reference"],
            sqlite_where=has_one,
            postgresql_where=has_one,
        )
