"""Figures that are counted when something happens, so that nobody counts them over whole tables.

What was kept so far is added up once: each day of each location from its events and its hours, the
slots of each size from the slots, and what each kiosk said last of itself.
"""

from __future__ import annotations

import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import sqlite

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None

WHOLE = sa.BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
REAL = sa.Float().with_variant(sqlite.REAL(), "sqlite")
OF_STATUS = ("queue", "doors_open", "boards_away", "temperature_c")
COUNTED = ("events", "quarantined", "openings", "openings_failed", "refusals")
BY_KIND = {
    "stored": "kind = 'PACKAGE_STORED'",
    "picked_up": "kind = 'PACKAGE_RETRIEVED'",
    "expired": "kind = 'PACKAGE_EXPIRED'",
    "taken_back": "kind = 'PACKAGE_COLLECTED'",
    "missing": "kind = 'PACKAGE_MISSING'",
    "wrong_codes": "kind = 'CODE_REFUSED'",
    "openings": "kind = 'DOOR_OUTCOME'",
    "openings_failed": "kind = 'DOOR_OUTCOME' AND body LIKE '%\"FAILED\"%'",
}
BY_HOURS = ("minutes", "taken", "slots")
DAY_MS = 86_400_000


def upgrade() -> None:
    """Add columns, tables and indexes, and fill them."""
    for name in (*OF_STATUS[:3], *COUNTED):
        op.add_column("location", _number(name))
    op.add_column("location", sa.Column("temperature_c", REAL, nullable=True))
    for name in ("taken", "suspect"):
        op.add_column("location_size", _number(name))
    op.add_column("notification", sa.Column("late_since_ms", WHOLE, nullable=True))
    is_late = "status IN ('queued', 'leased') AND late_since_ms IS NOT NULL"
    _index("ix_notification_late", "notification", ["late_since_ms"], is_late)
    _index("ix_quarantine_open", "quarantine", ["received_ms"], "settled_ms IS NULL")
    _index("ix_package_unjoined", "package", ["status", "stored_ms"], "recipient IS NULL")
    op.create_table(
        "day_status",
        sa.Column("location", sa.Text(), sa.ForeignKey("location.id"), primary_key=True),
        sa.Column("day_ms", WHOLE, primary_key=True, autoincrement=False),
        *(_number(name) for name in (*BY_KIND, *BY_HOURS)),
        sqlite_strict=True,
    )
    op.create_index("ix_day_status_day", "day_status", ["day_ms", "location"])
    op.create_table(
        "kept_figures",
        sa.Column("name", sa.Text(), primary_key=True),
        _number("made_ms"),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sqlite_strict=True,
    )
    _add_up_days()
    _count_slots()
    _read_statuses()


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, WHOLE, nullable=False, server_default="0")


def _index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(
        name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where)
    )


def _add_up_days() -> None:
    columns = ", ".join(BY_KIND)
    sums = ", ".join(f"SUM(CASE WHEN {where} THEN 1 ELSE 0 END)" for where in BY_KIND.values())
    op.execute(
        f"INSERT INTO day_status (location, day_ms, {columns})"
        f" SELECT location, wall_ms - wall_ms % {DAY_MS}, {sums} FROM event"
        f" WHERE {' OR '.join(dict.fromkeys(BY_KIND.values()))} GROUP BY 1, 2"
    )
    columns = ", ".join(BY_HOURS)
    sums = ", ".join(f"SUM({name})" for name in BY_HOURS)
    # SQLite takes the ON of a conflict for one of a join where no WHERE stands before it.
    op.execute(
        f"INSERT INTO day_status (location, day_ms, {columns})"
        f" SELECT location, hour_ms - hour_ms % {DAY_MS}, {sums} FROM hour_status"
        " WHERE hour_ms >= 0 GROUP BY 1, 2 ON CONFLICT (location, day_ms) DO UPDATE SET "
        + ", ".join(f"{name} = excluded.{name}" for name in BY_HOURS)
    )


def _count_slots() -> None:
    for name, where in (("taken", "status <> 'EMPTY'"), ("suspect", "status = 'SUSPECT'")):
        op.execute(
            f"UPDATE location_size SET {name} = (SELECT COUNT(*) FROM slot WHERE {where}"
            " AND slot.location = location_size.location AND slot.size = location_size.size)"
        )


def _read_statuses() -> None:
    location = sa.table("location", *map(sa.column, ("id", "status", *OF_STATUS)))
    connection = op.get_bind()
    for row in connection.execute(sa.select(location.c.id, location.c.status)).all():
        try:
            status = json.loads(row.status)
            values = {
                "queue": int(status.get("queue", 0)),
                "doors_open": list(status.get("doors", {}).values()).count("OPEN"),
                "boards_away": sum(not each["is_reachable"] for each in status.get("boards", [])),
                "temperature_c": status.get("temperature_c"),
            }
        except (AttributeError, KeyError, TypeError, ValueError):
            continue  # it comes with the next sync
        connection.execute(location.update().where(location.c.id == row.id).values(**values))
