"""What is promised of the free doors, kept; and where each size is free, so that it is found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.database.columns import REAL, WHOLE

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

EXPECTED = """
    SELECT count(*) FROM package
    WHERE package.location = {location} AND status = 'PENDING' AND is_announced {of_size}
"""
BY_ONE = EXPECTED + " GROUP BY sender ORDER BY count(*) DESC LIMIT 1"
OF_SIZE = "AND (package.size = location_size.size OR package.size IS NULL)"
PARTIAL = (
    ("ix_location_open", "location", ["latitude", "longitude"], "free > promised"),
    ("ix_location_size_free", "location_size", ["size", "latitude", "longitude"], "free > 0"),
    (
        "ix_location_size_open",
        "location_size",
        ["size", "latitude", "longitude"],
        "free > promised",
    ),
)


def upgrade() -> None:
    """Count what is promised now, and copy where each location is."""
    for table in ("location", "location_size"):
        for name in ("promised", "promised_to_one"):
            op.add_column(table, sa.Column(name, WHOLE, nullable=False, server_default="0"))
    for name in ("latitude", "longitude"):
        op.add_column("location_size", sa.Column(name, REAL))
    counted = "promised = ({0}), promised_to_one = coalesce(({1}), 0)"
    here = [each.format(location="location.id", of_size="") for each in (EXPECTED, BY_ONE)]
    op.execute(f"UPDATE location SET {counted.format(*here)}")
    here = [
        each.format(location="location_size.location", of_size=OF_SIZE)
        for each in (EXPECTED, BY_ONE)
    ]
    place = "(SELECT {0} FROM location WHERE location.id = location_size.location)"
    op.execute(
        f"UPDATE location_size SET {counted.format(*here)},"
        f" latitude = {place.format('latitude')}, longitude = {place.format('longitude')}"
    )
    for name, table, columns, where in PARTIAL:
        op.create_index(
            name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
        )
