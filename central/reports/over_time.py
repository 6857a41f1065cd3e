"""What happened day by day at all locations together, and how full they were at each hour.

For charts: so many numbers as days, whatever the number of locations. The hours are those of the
last days of a period, since a year of hours of a thousand locations is nine million rows.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from central import sums
from central.areas.visible import Reach
from central.periods import Period
from central.reports.by_carrier import places_named
from central.sums import Summed
from central.sync.tally import OF_DAYS
from kiosk.model.clock import DAY_MS, HOUR_MS

HOURS_OF_DAYS: Final = 7
"""Of so many days, the last ones of a period, there are hours."""


@dataclass(frozen=True, slots=True)
class Day:
    """A day (UTC) of all locations together."""

    day_ms: int
    counted: dict[str, int]
    """How often each of `OF_DAYS` happened."""
    taken_percent: int | None
    """How much of all slots was taken; None where no kiosk was heard of."""


@dataclass(frozen=True, slots=True)
class Hours:
    """How much of all slots was taken at the end of each hour (UTC) of a day, in percent."""

    day_ms: int
    taken_percent: tuple[int | None, ...]


def by_day(connection: Connection, reach: Reach, period: Period, text: str) -> list[Day]:
    """Each day of the period, from its first to its last; also those on which nothing happened."""
    known = _by(connection, sums.DAYS, reach, period, text)
    return [
        _day(day_ms, known.get(day_ms))
        for day_ms in range(period.since_ms, period.until_ms, DAY_MS)
    ]


def _day(day_ms: int, found: Counter[str] | None) -> Day:
    if found is None:
        return Day(day_ms, dict.fromkeys(OF_DAYS, 0), None)
    return Day(day_ms, {name: found[name] for name in OF_DAYS}, _percent(found))


def by_hour(connection: Connection, reach: Reach, period: Period, text: str) -> list[Hours]:
    """The hours of the last `HOURS_OF_DAYS` days of the period."""
    since_ms = max(period.since_ms, period.until_ms - HOURS_OF_DAYS * DAY_MS)
    found = _by(connection, sums.HOURS, reach, Period(since_ms, period.until_ms), text)
    known = {hour_ms: _percent(hour) for hour_ms, hour in found.items()}
    return [
        Hours(day_ms, tuple(known.get(day_ms + hour * HOUR_MS) for hour in range(24)))
        for day_ms in range(since_ms, period.until_ms, DAY_MS)
    ]


def _by(
    connection: Connection, what: Summed, reach: Reach, period: Period, text: str
) -> Mapping[int, Counter[str]]:
    """By day or hour; of the locations in whose id or name a text is."""
    named = places_named(connection, reach, text) if text else None
    return sums.added_up(connection, what, reach, period, what.time, named)


def _percent(found: Counter[str]) -> int | None:
    return round(100 * found["taken"] / found["slots"]) if found["slots"] else None
