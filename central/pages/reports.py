"""The report: what happened at each location on each day (UTC), as it was counted when it came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, func, select

from central import schema
from central.areas.visible import Reach, visible_to
from central.periods import Period
from central.reports.by_carrier import places_named
from central.sync.tally import REPORTED
from kiosk.model.clock import DAY_MS, HOUR_MS

COLUMNS: Final = tuple(REPORTED.values())
SHARES: Final = ("reached", "taken")
"""Of a day: in how much of it a location was heard of, and how much of its slots was taken."""

Row = dict[str, Any]


def newest(connection: Connection, reach: Reach, period: Period, text: str, most: int) -> list[Row]:
    """The newest lines, of the locations in whose id or name a text is."""
    query = _in(reach, period).limit(most)
    if text:
        named = places_named(connection, reach, text)
        query = query.where(schema.day_status.c.location.in_(named))
    return _lines(connection, connection.execute(query).all())


def days(connection: Connection, reach: Reach, period: Period) -> Iterator[list[Row]]:
    """All lines, day by day, the newest first."""
    table = schema.day_status
    is_in = (table.c.day_ms >= period.since_ms) & (table.c.day_ms < period.until_ms)
    found = select(table.c.day_ms).where(is_in).distinct().order_by(table.c.day_ms.desc())
    for day_ms in connection.execute(found).scalars().all():
        of_day = _in(reach, period).where(table.c.day_ms == day_ms)
        yield _lines(connection, connection.execute(of_day).all())


def _in(reach: Reach, period: Period) -> Any:
    table = schema.day_status
    is_in = (table.c.day_ms >= period.since_ms) & (table.c.day_ms < period.until_ms)
    some = select(table).where(is_in, visible_to(reach, table.c.location))
    return some.order_by(table.c.day_ms.desc(), table.c.location)


def _lines(connection: Connection, rows: Sequence[Any]) -> list[Row]:
    """What is shown of these days. Of a day in which nothing was reported there is a line where the
    location was listened to."""
    hour = schema.hour_status
    last_ms = connection.execute(select(func.max(hour.c.hour_ms))).scalar() or 0
    places = sorted({row.location for row in rows})
    first_ms, areas = _first_hours(connection, places), _areas(connection, places)
    return [
        {
            "day_ms": row.day_ms,
            "location": row.location,
            "area": areas.get(row.location, ""),
            **{name: getattr(row, name) for name in COLUMNS},
            **_shares(row, first_ms.get(row.location, row.day_ms), last_ms),
        }
        for row in rows
    ]


def _first_hours(connection: Connection, places: Sequence[str]) -> dict[str, int]:
    """The first hour that was added up of each of these locations."""
    hour, place = schema.hour_status, schema.location
    first = select(func.min(hour.c.hour_ms)).where(hour.c.location == place.c.id)
    query = select(place.c.id, first.correlate(place).scalar_subquery())
    if len(places) < LISTED:
        query = query.where(place.c.id.in_(places))
    return {name: first_ms for name, first_ms in connection.execute(query) if first_ms is not None}


def _areas(connection: Connection, places: Sequence[str]) -> dict[str, str]:
    """In which area each of these locations lies."""
    place = schema.location.c
    query = select(place.id, place.area)
    if len(places) < LISTED:
        query = query.where(place.id.in_(places))
    return {row.id: row.area for row in connection.execute(query)}


LISTED: Final = 500
"""So many locations are named in a query; for more all are asked for."""


def _shares(row: Any, first_ms: int, last_ms: int) -> Row:
    """A day's shares, in percent: from a location's first hour to the last hour that is over."""
    if not row.minutes:
        return dict.fromkeys(SHARES, "")
    begin_ms = max(row.day_ms, first_ms)
    end_ms = min(row.day_ms + DAY_MS, last_ms + HOUR_MS)
    reached = row.minutes * 60_000 / max(HOUR_MS, end_ms - begin_ms)
    taken = row.taken / row.slots if row.slots else 0
    return {"reached": round(100 * reached), "taken": round(100 * taken)}
