"""What happened in all locations of an area, summed up by day, by carrier and by hour."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0052"
down_revision = "0051"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
OF_CARRIERS = ("stored", "picked_up", "expired", "taken_back", "missing")
OF_DAYS = (*OF_CARRIERS, "wrong_codes", "openings", "openings_failed", "taken", "slots")


def upgrade() -> None:
    """Make the tables; they are filled while the server runs."""
    _sums("area_day", ("day_ms", "area"), OF_DAYS)
    _sums("area_carrier_day", ("day_ms", "area", "carrier"), OF_CARRIERS)
    _sums("area_hour", ("hour_ms", "area"), ("taken", "slots"))
    op.create_table(
        "summed_day",
        sa.Column("day_ms", WHOLE, autoincrement=False, nullable=False),
        sa.Column("begun_ms", WHOLE, nullable=False, server_default="0"),
        sa.Column("counted_ms", WHOLE),
        sa.PrimaryKeyConstraint("day_ms", name=op.f("pk_summed_day")),
        sqlite_strict=True,
    )


def _sums(table: str, key: tuple[str, ...], counted: tuple[str, ...]) -> None:
    time, *names = key
    op.create_table(
        table,
        sa.Column(time, WHOLE, autoincrement=False, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in names),
        *(sa.Column(name, WHOLE, nullable=False, server_default="0") for name in counted),
        sa.PrimaryKeyConstraint(*key, name=op.f(f"pk_{table}")),
        sqlite_strict=True,
    )
