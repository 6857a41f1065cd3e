"""The tables of what was counted: how each location was in a minute, an hour and a day, and figures
of everything."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text

from central.database.columns import WHOLE, metadata
from central.database.columns import number_column as _number


def _location() -> Column[str]:
    return Column("location", Text, ForeignKey("location.id"), nullable=False, primary_key=True)


minute_status = Table(
    "minute_status",
    metadata,
    _location(),
    Column("minute_ms", WHOLE, primary_key=True, autoincrement=False),
    _number("syncs"),
    _number("events"),
    _number("queue"),
    _number("doors_open"),
    _number("boards_away"),
    Index("ix_minute_status_minute", "minute_ms"),
)

hour_status = Table(
    "hour_status",
    metadata,
    _location(),
    Column("hour_ms", WHOLE, primary_key=True, autoincrement=False),
    _number("minutes"),
    _number("syncs"),
    _number("events"),
    _number("queue"),
    _number("doors_open"),
    _number("boards_away"),
    _number("taken"),
    _number("slots"),
    Index("ix_hour_status_hour", "hour_ms"),
)
"""An hour of a location: in how many minutes it was heard of, sums of syncs and events, the most of
the rest, and how many of its slots were taken when the hour ended."""

day_status = Table(
    "day_status",
    metadata,
    _location(),
    Column("day_ms", WHOLE, primary_key=True, autoincrement=False),
    _number("stored"),
    _number("picked_up"),
    _number("expired"),
    _number("taken_back"),
    _number("missing"),
    _number("wrong_codes"),
    _number("openings"),
    _number("openings_failed"),
    _number("minutes"),
    _number("taken"),
    _number("slots"),
    Index("ix_day_status_day", "day_ms", "location"),
    sqlite_strict=True,
)
"""A day (UTC) of a location: what happened, counted as its events come; in how many minutes it was
heard of, and sums of its slots, taken and all, over the hours that are over."""

carrier_day = Table(
    "carrier_day",
    metadata,
    Column("carrier", Text, primary_key=True),
    Column("day_ms", WHOLE, primary_key=True, autoincrement=False),
    _location(),
    _number("stored"),
    _number("picked_up"),
    _number("expired"),
    _number("taken_back"),
    _number("missing"),
    Index("ix_carrier_day_day", "day_ms", "location"),
    Index("ix_carrier_day_location", "carrier", "location", "day_ms"),
    sqlite_strict=True,
)
"""What happened on a day (UTC) at a location to one carrier's packages, counted as the events come,
under the carrier whose each package was then. A row is there only where something happened: at most
one for each carrier, location and day."""

area_day = Table(
    "area_day",
    metadata,
    Column("day_ms", WHOLE, primary_key=True, autoincrement=False),
    Column("area", Text, primary_key=True),
    _number("stored"),
    _number("picked_up"),
    _number("expired"),
    _number("taken_back"),
    _number("missing"),
    _number("wrong_codes"),
    _number("openings"),
    _number("openings_failed"),
    _number("taken"),
    _number("slots"),
    sqlite_strict=True,
)
"""The days of the locations that lie right in an area, summed up. An empty area is none."""

area_carrier_day = Table(
    "area_carrier_day",
    metadata,
    Column("day_ms", WHOLE, primary_key=True, autoincrement=False),
    Column("area", Text, primary_key=True),
    Column("carrier", Text, primary_key=True),
    _number("stored"),
    _number("picked_up"),
    _number("expired"),
    _number("taken_back"),
    _number("missing"),
    sqlite_strict=True,
)
"""The same of what happened to each carrier's packages."""

area_hour = Table(
    "area_hour",
    metadata,
    Column("hour_ms", WHOLE, primary_key=True, autoincrement=False),
    Column("area", Text, primary_key=True),
    _number("taken"),
    _number("slots"),
    sqlite_strict=True,
)
"""The same of how many slots were taken when each hour ended."""

summed_day = Table(
    "summed_day",
    metadata,
    Column("day_ms", WHOLE, primary_key=True, autoincrement=False),
    _number("begun_ms"),
    Column("counted_ms", WHOLE),
    sqlite_strict=True,
)
"""The days of which those three tables hold the sums, and as of when; none of a day that is being
summed up for the first time. Whatever changes something of a day that is summed up takes it out of
here (`central.sums`)."""

kept_figures = Table(
    "kept_figures",
    metadata,
    Column("name", Text, primary_key=True),
    _number("made_ms"),
    Column("content", LargeBinary, nullable=False),
    sqlite_strict=True,
)
"""What was counted over whole tables for many to read, and when."""
