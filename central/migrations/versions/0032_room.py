"""Room that is kept, sandboxes, and what people are shown of locations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from central.database.columns import WHOLE

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

HELD = "state = 'HELD'"


def upgrade() -> None:
    """Make the tables, and add the columns. Each location counts as changed before all else."""
    _reservations()
    op.create_table(
        "location_listing",
        sa.Column("location", sa.Text(), nullable=False),
        *(_text(name) for name in ("directions", "photo_url", "opening_hours")),
        *(_text(name, "[]") for name in ("accessibility", "services")),
        sa.ForeignKeyConstraint(["location"], ["location.id"], name="fk_location_listing_location"),
        sa.PrimaryKeyConstraint("location", name="pk_location_listing"),
        sqlite_strict=True,
    )
    for name in ("sandbox", "refuses"):
        op.add_column("api_key", _text(name))
    op.add_column("location", sa.Column("listed_ms", WHOLE, nullable=False, server_default="0"))
    op.create_index("ix_location_listed", "location", ["listed_ms", "id"])
    op.create_index("ix_location_country", "location", ["country", "id"])
    op.create_index("ix_location_country_listed", "location", ["country", "listed_ms", "id"])


def _text(name: str, default: str = "") -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False, server_default=default)


def _reservations() -> None:
    op.create_table(
        "reservation",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("location", sa.Text(), nullable=False),
        _text("size"),
        _text("sender"),
        _text("carrier", "operator"),
        _text("kind", "soft"),
        _text("state", "HELD"),
        sa.Column("reference", sa.Text()),
        sa.Column("package", sa.Text()),
        sa.Column("command", sa.Text()),
        sa.Column("created_ms", WHOLE, nullable=False, server_default="0"),
        sa.Column("until_ms", WHOLE, nullable=False, server_default="0"),
        sa.Column("ended_ms", WHOLE),
        sa.CheckConstraint("kind IN ('soft', 'hard')", name="ck_reservation_kind"),
        sa.CheckConstraint(
            "state IN ('HELD', 'USED', 'GIVEN_BACK', 'ENDED')", name="ck_reservation_state"
        ),
        sa.ForeignKeyConstraint(["location"], ["location.id"], name="fk_reservation_location"),
        sa.PrimaryKeyConstraint("id", name="pk_reservation"),
        sqlite_strict=True,
    )
    for name, columns in (("held", ["location", "sender", "size"]), ("until", ["until_ms"])):
        some = sa.text(HELD)
        op.create_index(
            f"ix_reservation_{name}",
            "reservation",
            columns,
            sqlite_where=some,
            postgresql_where=some,
        )
    for name, columns in (
        ("package", ["package"]),
        ("ended", ["ended_ms"]),
        ("sender", ["sender", "created_ms", "id"]),
        ("carrier", ["carrier", "created_ms", "id"]),
    ):
        op.create_index(f"ix_reservation_{name}", "reservation", columns)
