"""What happened day by day at all locations together, and how full they were at each hour.

For charts: so many numbers as days, whatever the number of locations. The hours are those of the
last days of a period, since a year of hours of a thousand locations is nine million rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, func, select

from central import schema
from central.areas.visible import Reach, visible_to
from central.reports.by_carrier import places_named
from central.reports.periods import Period
from central.sync.tally import REPORTED
from kiosk.model.clock import DAY_MS, HOUR_MS

HOURS_OF_DAYS: Final = 7
"""Of so many days, the last ones of a period, there are hours."""
COUNTED: Final = (*REPORTED.values(), "openings", "openings_failed")


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) of all locations together."""

    day_ms: int
    counted: dict[str, int]
    """How often each of `COUNTED` happened."""
    taken_percent: int | None
    """How much of all slots was taken; None where no kiosk was heard of."""


@dataclass(frozen=True, slots=True)
class Hours:
    """How much of all slots was taken at the end of each hour (UTC) of a day, in percent."""

    day_ms: int
    taken_percent: tuple[int | None, ...]


def by_day(connection: Connection, reach: Reach, period: Period, text: str) -> list[Day]:
    """Each day of the period, from its first to its last; also those on which nothing happened."""
    table = schema.day_status
    sums = [func.sum(table.c[name]).label(name) for name in (*COUNTED, "taken", "slots")]
    is_in = (table.c.day_ms >= period.since_ms) & (table.c.day_ms < period.until_ms)
    query = select(table.c.day_ms, *sums).where(is_in, *_of(connection, reach, text, table))
    rows = connection.execute(query.group_by(table.c.day_ms))
    known = {row.day_ms: row for row in rows}
    return [
        _day(day_ms, known.get(day_ms))
        for day_ms in range(period.since_ms, period.until_ms, DAY_MS)
    ]


def _day(day_ms: int, row: Any) -> Day:
    if row is None:
        return Day(day_ms, dict.fromkeys(COUNTED, 0), None)
    # PostgreSQL's sum of whole numbers is a decimal.
    counted = {name: int(getattr(row, name)) for name in COUNTED}
    return Day(day_ms, counted, _percent(int(row.taken), int(row.slots)))


def by_hour(connection: Connection, reach: Reach, period: Period, text: str) -> list[Hours]:
    """The hours of the last `HOURS_OF_DAYS` days of the period."""
    table = schema.hour_status
    since_ms = max(period.since_ms, period.until_ms - HOURS_OF_DAYS * DAY_MS)
    is_in = (table.c.hour_ms >= since_ms) & (table.c.hour_ms < period.until_ms)
    query = select(table.c.hour_ms, func.sum(table.c.taken), func.sum(table.c.slots))
    query = query.where(is_in, *_of(connection, reach, text, table)).group_by(table.c.hour_ms)
    known = {
        hour_ms: _percent(int(taken), int(slots))
        for hour_ms, taken, slots in connection.execute(query)
    }
    return [
        Hours(day_ms, tuple(known.get(day_ms + hour * HOUR_MS) for hour in range(24)))
        for day_ms in range(since_ms, period.until_ms, DAY_MS)
    ]


def _of(connection: Connection, reach: Reach, text: str, table: Any) -> list[ColumnElement[bool]]:
    conditions = [visible_to(reach, table.c.location)]
    if text:
        conditions.append(table.c.location.in_(places_named(connection, reach, text)))
    return conditions


def _percent(taken: int, slots: int) -> int | None:
    return round(100 * taken / slots) if slots else None
