"""The tables of carriers: which there are, where they work, and which share of the doors they have.
Which one a key, a package or a courier is of stands beside those."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from central.database.columns import (
    WHOLE,
    flag_column,
    metadata,
    number_column,
    text_column,
    time_column,
)
from central.database.own_clock import changed_column

carrier = Table(
    "carrier",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("countries", "[]"),
    text_column("look", "{}"),
    number_column("created_ms"),
    time_column("disabled_ms"),
    flag_column("is_limited"),
    sqlite_strict=True,
)
"""A row is never deleted: packages name it. `operator` is always there. `look` is what its messages
show of it; one that `is_limited` works only where `carrier_location` and
`carrier_area` say."""

carrier_location = Table(
    "carrier_location",
    metadata,
    Column("carrier", Text, ForeignKey("carrier.id"), primary_key=True),
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    Index("ix_carrier_location_location", "location"),
    sqlite_strict=True,
)

carrier_area = Table(
    "carrier_area",
    metadata,
    Column("carrier", Text, ForeignKey("carrier.id"), primary_key=True),
    Column("area", Text, ForeignKey("area.id"), primary_key=True),
    Index("ix_carrier_area_area", "area"),
    sqlite_strict=True,
)

place_change = Table(
    "place_change",
    metadata,
    Column("carrier", Text, ForeignKey("carrier.id"), primary_key=True),
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    changed_column("changed_ms"),
    Index("ix_place_change_changed", "carrier", "changed_ms", "location"),
    sqlite_strict=True,
)
"""When a carrier began or ceased to work at a location last, where that ever changed: a copy of the
feed of locations is to hear of it. Which of the two it was says what holds now."""

door_share = Table(
    "door_share",
    metadata,
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    Column("size", Text, primary_key=True),
    Column("carrier", Text, ForeignKey("carrier.id"), primary_key=True),
    number_column("least"),
    Column("most", WHOLE),
    CheckConstraint("least >= 0 AND (most IS NULL OR most >= least)", name="least"),
    sqlite_strict=True,
)
"""Of a location's doors of one size, how many are kept for a carrier, and how many it has at most;
no row: none are kept, and it may have all."""
