"""Of which days (UTC) a report is: the last ones, or from one day to another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from central.errors import wrong_field
from kiosk.model.clock import DAY_MS

LONGEST_DAYS: Final = 366
_EPOCH: Final = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Period:
    """Whole days: from the beginning of the first to the end of the last."""

    since_ms: int
    until_ms: int


def day_of(day_ms: int) -> str:
    """A day as people and programs write it."""
    return datetime.fromtimestamp(day_ms / 1000, UTC).date().isoformat()


def last_days(now_ms: int, count: int) -> Period:
    """Today and so many days before it."""
    today_ms = now_ms - now_ms % DAY_MS
    return Period(today_ms - count * DAY_MS, today_ms + DAY_MS)


def period_of(since: str, until: str, now_ms: int, count: int) -> Period:
    """From a day to another, both among it; where neither is named, the last ones. Raises
    `RequestError`."""
    if not since and not until:
        return last_days(now_ms, count)
    today = _EPOCH + timedelta(days=now_ms // DAY_MS)
    last = _day("until", until) if until else today
    first = _day("since", since) if since else last - timedelta(days=count)
    length = (last - first).days + 1
    if not 1 <= length <= LONGEST_DAYS:
        right = f"a day no later than {last}, of {LONGEST_DAYS} days together at most"
        raise wrong_field("since", str(first), right)
    return Period((first - _EPOCH).days * DAY_MS, ((last - _EPOCH).days + 1) * DAY_MS)


def _day(field: str, text: str) -> date:
    try:
        day = date.fromisoformat(text) if len(text) == len("2026-11-29") else None
    except ValueError:
        day = None
    if day is None or not 2000 <= day.year < 2100:
        raise wrong_field(field, text[:20], "a day of the years 2000 to 2099, as 2026-11-29")
    return day
