"""What each kiosk says of itself, beside its status, so that locations are found by it: the version
that runs, whether that is on trial, what it went back from, whether it is well, and its climate and
power."""

from __future__ import annotations

import json
from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0045"
down_revision = "0044"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
REAL = sa.Float().with_variant(sqlite.REAL(), "sqlite")
FLAG = sa.Boolean().with_variant(sa.INTEGER(), "sqlite")
TEXTS = ("version", "release_state", "went_back")


def upgrade() -> None:
    """Add the columns; the version is in the statuses that are kept."""
    for name in TEXTS:
        op.add_column("location", sa.Column(name, sa.Text(), nullable=False, server_default=""))
    for name in ("is_well", "is_on_mains"):
        op.add_column("location", sa.Column(name, FLAG, nullable=True))
    none = sa.Column("troubles", sa.Text(), nullable=False, server_default="{}")
    op.add_column("location", none)
    op.add_column("location", sa.Column("unwell_ms", WHOLE, nullable=True))
    for name in ("bank_temperature_c", "battery_percent"):
        op.add_column("location", sa.Column(name, REAL, nullable=True))
    op.create_index("ix_location_version", "location", ["version", "id"])
    op.create_index("ix_location_is_well", "location", ["is_well", "id"])
    location = sa.table("location", *map(sa.column, ("id", "status", "version")))
    connection = op.get_bind()
    for row in connection.execute(sa.select(location.c.id, location.c.status)).all():
        found = _version_in(row.status)
        if found:
            connection.execute(
                location.update().where(location.c.id == row.id).values(version=found)
            )


def _version_in(status: str) -> str:
    """What a status says; "" where it is none: it comes with the next sync."""
    try:
        read: Any = json.loads(status)
    except ValueError:
        return ""
    version = read.get("version") if isinstance(read, dict) else None
    return version if isinstance(version, str) and len(version) <= 64 else ""
