"""What happened to each carrier's packages on each day, at each location.

What was counted so far is added up once, from the events that are kept. Of days whose events are
kept no more there were no carriers yet: what their locations counted is the operator's.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.database.columns import WHOLE

revision = "0046"
down_revision = "0045"
branch_labels = None
depends_on = None

BY_KIND = {
    "stored": "PACKAGE_STORED",
    "picked_up": "PACKAGE_RETRIEVED",
    "expired": "PACKAGE_EXPIRED",
    "taken_back": "PACKAGE_COLLECTED",
    "missing": "PACKAGE_MISSING",
}
DAY_MS = 86_400_000


def upgrade() -> None:
    """Add the table, and fill it."""
    op.create_table(
        "carrier_day",
        sa.Column("carrier", sa.Text(), nullable=False),
        sa.Column("day_ms", WHOLE, autoincrement=False, nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        *(sa.Column(name, WHOLE, nullable=False, server_default="0") for name in BY_KIND),
        sa.PrimaryKeyConstraint("carrier", "day_ms", "location", name=op.f("pk_carrier_day")),
        sa.ForeignKeyConstraint(
            ["location"], ["location.id"], name=op.f("fk_carrier_day_location")
        ),
        sqlite_strict=True,
    )
    op.create_index("ix_carrier_day_day", "carrier_day", ["day_ms", "location"])
    op.create_index("ix_carrier_day_location", "carrier_day", ["carrier", "location", "day_ms"])
    _add_up_events()
    _take_older_days()


def _add_up_events() -> None:
    sums = ", ".join(
        f"SUM(CASE WHEN event.kind = '{kind}' THEN 1 ELSE 0 END)" for kind in BY_KIND.values()
    )
    kinds = ", ".join(f"'{kind}'" for kind in BY_KIND.values())
    op.execute(
        f"INSERT INTO carrier_day (carrier, day_ms, location, {', '.join(BY_KIND)})"
        " SELECT COALESCE(package.carrier, 'operator'),"
        f" event.wall_ms - event.wall_ms % {DAY_MS}, event.location, {sums}"
        " FROM event LEFT JOIN package ON package.id = event.package"
        f" WHERE event.kind IN ({kinds}) GROUP BY 1, 2, 3"
    )


def _take_older_days() -> None:
    columns = ", ".join(BY_KIND)
    op.execute(
        f"INSERT INTO carrier_day (carrier, day_ms, location, {columns})"
        f" SELECT 'operator', day_ms, location, {columns} FROM day_status"
        f" WHERE {' + '.join(BY_KIND)} > 0 AND NOT EXISTS (SELECT 1 FROM carrier_day kept"
        " WHERE kept.day_ms = day_status.day_ms AND kept.location = day_status.location)"
    )
