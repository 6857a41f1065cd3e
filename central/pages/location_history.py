"""How a location was: hour by hour of a week, day by day of a month, and what was wrong with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, select
from sqlalchemy import text as written

from central import kept, schema
from central.areas.visible import Reach, visible_to
from kiosk.model.clock import DAY_MS, HOUR_MS

HOURS_OF_DAYS: Final = 7
DAYS: Final = 30
ALARMS_SHOWN: Final = 30
MINUTES_A_DAY: Final = 1440

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class DayOfHours:
    """In how much of each hour (UTC) of a day a location was heard of, in percent; None where
    nothing was counted."""

    day_ms: int
    heard_percent: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) of a location; None where nothing was counted."""

    day_ms: int
    heard: int | None
    """In how much of it the location was heard of, in percent."""
    taken: int | None
    """How much of its doors was taken, in percent."""
    openings: int | None
    openings_failed: int | None


@dataclass(frozen=True, slots=True)
class History:
    """All of it, the newest last."""

    hours: tuple[DayOfHours, ...]
    days: tuple[Day, ...]
    alarms: tuple[Row, ...]
    """The newest first."""


def history(connection: Connection, reach: Reach, location: str, now_ms: int) -> History:
    """What is kept of a location; of one that somebody may not see, nothing."""
    return History(
        _hours(connection, reach, location, now_ms),
        _days(connection, reach, location, now_ms),
        _alarms(connection, reach, location, now_ms),
    )


def _hours(
    connection: Connection, reach: Reach, location: str, now_ms: int
) -> tuple[DayOfHours, ...]:
    table = schema.hour_status
    today_ms = now_ms - now_ms % DAY_MS
    since_ms = today_ms - (HOURS_OF_DAYS - 1) * DAY_MS
    is_it = (table.c.location == location) & (table.c.hour_ms >= since_ms)
    query = select(table.c.hour_ms, table.c.minutes).where(
        is_it, visible_to(reach, table.c.location)
    )
    known = {row.hour_ms: min(100, row.minutes * 100 // 60) for row in connection.execute(query)}
    first_ms = min(known, default=now_ms)
    last_ms = max(known, default=0)
    # Of an hour between two that were counted and in which nothing was heard there is no row.
    percent = {ms: known.get(ms, 0) for ms in range(first_ms, last_ms + 1, HOUR_MS)}
    return tuple(
        DayOfHours(day_ms, tuple(percent.get(day_ms + hour * HOUR_MS) for hour in range(24)))
        for day_ms in range(since_ms, today_ms + 1, DAY_MS)
    )


def _days(connection: Connection, reach: Reach, location: str, now_ms: int) -> tuple[Day, ...]:
    table = schema.day_status
    today_ms = now_ms - now_ms % DAY_MS
    since_ms = today_ms - (DAYS - 1) * DAY_MS
    is_it = (table.c.location == location) & (table.c.day_ms >= since_ms)
    rows = connection.execute(select(table).where(is_it, visible_to(reach, table.c.location)))
    known = {row.day_ms: row for row in rows}
    return tuple(
        _day(day_ms, known.get(day_ms), now_ms) for day_ms in range(since_ms, today_ms + 1, DAY_MS)
    )


def _day(day_ms: int, row: Any, now_ms: int) -> Day:
    if row is None:
        return Day(day_ms, None, None, None, None)
    minutes = max(1, min(MINUTES_A_DAY, (now_ms - day_ms) // 60_000))
    taken = round(100 * row.taken / row.slots) if row.slots else None
    heard = min(100, round(100 * row.minutes / minutes))
    return Day(day_ms, heard, taken, row.openings, row.openings_failed)


def _alarms(connection: Connection, reach: Reach, location: str, now_ms: int) -> tuple[Row, ...]:
    table = schema.audit
    query = (
        select(table.c.at_ms, table.c.action, table.c.subject, table.c.detail)
        .where(written(schema.IS_ALARM), table.c.at_ms >= now_ms - DAYS * DAY_MS)
        .where(table.c.location == location, visible_to(reach, table.c.location))
        .order_by(table.c.at_ms.desc())
        .limit(ALARMS_SHOWN)
    )
    return tuple(
        {
            "at_ms": row.at_ms,
            "what": row.action.removeprefix("alarm:"),
            "subject": "" if row.subject == location else row.subject,
            "detail": kept.object_of(row.detail),
        }
        for row in connection.execute(query)
    )
