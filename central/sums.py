"""What happened in all locations of an area, summed up by day: so a year of a thousand of them is
read from a few hundred rows.

The keeper sums a day up a while after it has ended, and once more each day. Until then, and for the
days that are not over, whoever asks adds up the rows that are counted as events come. So does
whoever asks for a day of which something came later, or when a location has come into another area:
what changes that takes the day's sums out of use in the same transaction. When the sums were
counted is shown with them.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, delete, func, insert, select, update

from central import counted_tables, schema
from central.areas.visible import Reach, lies_in, visible_to
from central.bites import bite
from central.context import Central
from central.database.bulk import upsert
from central.database.locks import lock_name
from central.periods import LONGEST_DAYS, Period
from kiosk.model.clock import DAY_MS, HOUR_MS

AGAIN_MS: Final = DAY_MS
"""After so long a day is summed up once more: a server of an earlier version, which may run beside
this one, takes nothing out of use."""
DAYS_A_ROUND: Final = 100
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Summed:
    """A table of locations that is summed up, and the table that keeps its sums."""

    rows: Table
    sums: Table
    time: str
    """The column that says of which day or hour a row is."""

    @property
    def key(self) -> tuple[str, ...]:
        """What a sum is of, beside its area."""
        return tuple(key.name for key in self.sums.primary_key if key.name != "area")

    @property
    def counted(self) -> tuple[str, ...]:
        """The columns that are summed up."""
        return tuple(column.name for column in self.sums.columns if not column.primary_key)


DAYS: Final = Summed(schema.day_status, counted_tables.area_day, "day_ms")
CARRIERS: Final = Summed(schema.carrier_day, counted_tables.area_carrier_day, "day_ms")
HOURS: Final = Summed(schema.hour_status, counted_tables.area_hour, "hour_ms")
_ALL: Final = (DAYS, CARRIERS, HOURS)
_MARK: Final = counted_tables.summed_day


def added_up(
    connection: Connection,
    what: Summed,
    reach: Reach,
    period: Period,
    by: str,
    named: Collection[str] | None = None,
) -> dict[Any, Counter[str]]:
    """What was counted within somebody's reach in a period, by a column; of the locations that are
    named, if any are, and of those there are no sums."""
    found: defaultdict[Any, Counter[str]] = defaultdict(Counter)
    for is_summed, days in _runs(connection, period) if named is None else [(False, period)]:
        table = what.sums if is_summed else what.rows
        is_seen = lies_in(reach, table.c.area) if is_summed else visible_to(reach, table.c.location)
        if named is not None:
            is_seen &= table.c.location.in_(named)
        numbers = [func.sum(table.c[name]) for name in what.counted]
        time = table.c[what.time]
        is_in = (time >= days.since_ms) & (time < days.until_ms)
        query = select(table.c[by], *numbers).where(is_in, is_seen).group_by(table.c[by])
        for value, *sums in connection.execute(query):
            # PostgreSQL's sum of whole numbers is a decimal.
            found[value].update(dict(zip(what.counted, map(int, sums), strict=True)))
    return found


def counted_ms(connection: Connection, period: Period) -> int | None:
    """As of when the oldest of the sums was counted that a report of this period is made of; None
    where it is made of what is counted as it comes."""
    oldest = select(func.min(_MARK.c.counted_ms)).where(
        _MARK.c.day_ms >= period.since_ms, _MARK.c.day_ms < period.until_ms
    )
    return connection.execute(oldest).scalar()


def _runs(connection: Connection, period: Period) -> Iterator[tuple[bool, Period]]:
    """A period in as few pieces as there are, each summed up or not."""
    is_in = (_MARK.c.day_ms >= period.since_ms) & (_MARK.c.day_ms < period.until_ms)
    marks = select(_MARK.c.day_ms).where(is_in, _MARK.c.counted_ms.is_not(None))
    summed = set(connection.execute(marks).scalars())
    days = range(period.since_ms, period.until_ms, DAY_MS)
    for is_summed, some in itertools.groupby(days, summed.__contains__):
        run = list(some)
        yield is_summed, Period(run[0], run[-1] + DAY_MS)


# --- what takes them out of use -------------------------------------------------------------------


def forget_days(connection: Connection, days: Collection[int], now_ms: int) -> None:
    """Something of these days has changed. For whatever counts, behind it; of today and yesterday,
    nothing is summed up, and this is nothing."""
    late = sorted(day_ms for day_ms in days if day_ms + 2 * DAY_MS <= now_ms)
    if late:
        # Beside others like this one, but not beside whoever sums up.
        lock_name(connection, _LOCK, shared=True)
        connection.execute(delete(_MARK).where(_MARK.c.day_ms.in_(late)))


def forget_all(connection: Connection) -> None:
    """A location lies in another area from now on."""
    lock_name(connection, _LOCK)
    connection.execute(delete(_MARK))


_LOCK: Final = "sums of days"


# --- the keeper's part ----------------------------------------------------------------------------


async def sum_up(central: Central) -> None:
    """One round: days that are over and not summed up, the newest first, then those that were
    summed up longest ago."""
    now_ms = central.clock.now_ms()
    for day_ms in await central.database.look(_due, now_ms):
        await sum_up_day(central, day_ms)


async def sum_up_day(central: Central, day_ms: int) -> None:
    """Sum a day up. It is read beside the writer: what is changed meanwhile leaves it undone."""
    begun_ms = central.clock.now_ms()
    await bite(central, _begin, day_ms, begun_ms)
    found = await central.database.look(_sums_of, day_ms)
    await bite(central, _keep, day_ms, begun_ms, found)


def _due(connection: Connection, now_ms: int) -> list[int]:
    # An hour later than they are over for whoever counts, whose clock may be another.
    last_ms = now_ms - HOUR_MS - 2 * DAY_MS
    oldest = connection.execute(select(func.min(schema.day_status.c.day_ms))).scalar()
    if oldest is None:
        return []
    today_ms = now_ms - now_ms % DAY_MS
    first_ms = max(oldest - oldest % DAY_MS, today_ms - LONGEST_DAYS * DAY_MS)
    marks = select(_MARK).where(_MARK.c.day_ms >= first_ms, _MARK.c.counted_ms.is_not(None))
    known = {row.day_ms: int(row.counted_ms) for row in connection.execute(marks)}
    days = range(first_ms, last_ms + 1, DAY_MS)
    missing = [day_ms for day_ms in reversed(days) if day_ms not in known]
    old = [day_ms for day_ms in days if known.get(day_ms, now_ms) <= now_ms - AGAIN_MS]
    return [*missing, *sorted(old, key=known.__getitem__)][:DAYS_A_ROUND]


def _begin(connection: Connection, day_ms: int, begun_ms: int) -> None:
    # Whoever is just changing something of it is waited for.
    lock_name(connection, _LOCK)
    upsert(connection, _MARK, {"day_ms": day_ms}, {"begun_ms": begun_ms})


def _sums_of(connection: Connection, day_ms: int) -> list[list[Row]]:
    """The rows of each table of sums."""
    return [_rows_of(connection, each, day_ms) for each in _ALL]


def _rows_of(connection: Connection, what: Summed, day_ms: int) -> list[Row]:
    table, place = what.rows, schema.location
    key = [table.c[name] for name in what.key]
    numbers = [func.sum(table.c[name]).label(name) for name in what.counted]
    time = table.c[what.time]
    query = (
        select(*key, place.c.area, *numbers)
        .join(place, place.c.id == table.c.location)
        .where(time >= day_ms, time < day_ms + DAY_MS)
        .group_by(*key, place.c.area)
    )
    found = [dict(row) for row in connection.execute(query).mappings()]
    return [row | {name: int(row[name]) for name in what.counted} for row in found]


def _keep(connection: Connection, day_ms: int, begun_ms: int, found: list[list[Row]]) -> None:
    lock_name(connection, _LOCK)
    is_it = (_MARK.c.day_ms == day_ms) & (_MARK.c.begun_ms == begun_ms)
    if not connection.execute(update(_MARK).where(is_it).values(counted_ms=begun_ms)).rowcount:
        return  # something of it was changed meanwhile
    for what, rows in zip(_ALL, found, strict=True):
        time = what.sums.c[what.time]
        connection.execute(delete(what.sums).where(time >= day_ms, time < day_ms + DAY_MS))
        if rows:
            connection.execute(insert(what.sums), rows)
