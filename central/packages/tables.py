"""Reservations: each takes one door in every count until it ends."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text, text

from central.database.columns import metadata, number_column, text_column, time_column

HELD = "state = 'HELD'"


def _held(name: str, *columns: str) -> Index:
    return Index(name, *columns, sqlite_where=text(HELD), postgresql_where=text(HELD))


def _listed(whose: str) -> tuple[Index, ...]:
    """What the list of reservations is read along: a key of the operator's sees those of its own,
    any other its carrier's."""
    name, behind = f"ix_reservation_{whose}", ("state", "created_ms", "id")
    has_one = text("reference IS NOT NULL")
    return (
        Index(f"{name}_state", whose, *behind),
        Index(f"{name}_at", whose, "location", *behind),
        Index(
            f"{name}_reference",
            whose,
            "reference",
            sqlite_where=has_one,
            postgresql_where=has_one,
        ),
    )


reservation = Table(
    "reservation",
    metadata,
    Column("id", Text, primary_key=True),
    Column("location", Text, ForeignKey("location.id"), nullable=False),
    text_column("size"),
    text_column("sender"),
    text_column("carrier", "operator"),
    text_column("kind", "soft"),
    text_column("state", "HELD"),
    Column("reference", Text),
    Column("package", Text),
    Column("command", Text),
    number_column("created_ms"),
    number_column("until_ms"),
    time_column("ended_ms"),
    CheckConstraint("kind IN ('soft', 'hard')", name="kind"),
    CheckConstraint("state IN ('HELD', 'USED', 'GIVEN_BACK', 'ENDED')", name="state"),
    _held("ix_reservation_held", "location", "sender", "size"),
    _held("ix_reservation_until", "until_ms"),
    Index("ix_reservation_package", "package"),
    Index("ix_reservation_ended", "ended_ms"),
    *_listed("sender"),
    *_listed("carrier"),
    sqlite_strict=True,
)
"""`command` is the last one by which its kiosk was asked to keep a door."""
