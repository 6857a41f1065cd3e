"""What happened to each carrier's packages: by day and location, and over a period altogether.

Counted when it happened, in the transaction that took the event in, under the carrier whose the
package was then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Select, bindparam, select, tuple_

from central import schema, sums
from central.areas.visible import Reach, visible_to
from central.auth import Program
from central.errors import RequestError
from central.packages import cursors
from central.periods import Period, day_of
from central.sync.tally import OF_CARRIERS
from central.tokens import Secrets
from kiosk.model.carriers import OPERATOR

EACH: Final = "*"
"""In the place of a carrier: all, each by itself."""
_DAY, _PLACE = schema.carrier_day, schema.location
Row = dict[str, Any]


def newest(
    connection: Connection, reach: Reach, period: Period, carrier: str, text: str, most: int
) -> list[Row]:
    """The newest lines, of the locations in whose id or name a text is."""
    query = _lines(reach, period, carrier).limit(most)
    if text:
        query = query.where(_DAY.c.location.in_(places_named(connection, reach, text)))
    return _rows(connection, query)


def days(connection: Connection, reach: Reach, period: Period, carrier: str) -> Iterator[list[Row]]:
    """All lines, day by day, the newest first."""
    found = select(_DAY.c.day_ms).where(_is_in(period)).distinct().order_by(_DAY.c.day_ms.desc())
    for day_ms in connection.execute(found).scalars().all():
        yield _rows(connection, _lines(reach, period, carrier).where(_DAY.c.day_ms == day_ms))


def totals(connection: Connection, reach: Reach, period: Period) -> list[Row]:
    """Each carrier with what happened to its packages, where anything did; the most stored
    first."""
    counted = sums.added_up(connection, sums.CARRIERS, reach, period, "carrier")
    names = _names(connection, counted)
    found = [
        {"carrier": carrier, "name": names.get(carrier, carrier), **of_one}
        for carrier, of_one in counted.items()
    ]
    return sorted(found, key=lambda row: (-row["stored"], row["carrier"]))


def places_named(connection: Connection, reach: Reach, text: str) -> list[str]:
    """The locations within somebody's reach in whose id or name a text is."""
    part = text.casefold()
    known = select(_PLACE.c.id, _PLACE.c.name).where(visible_to(reach, _PLACE.c.id))
    rows = connection.execute(known)
    return [row.id for row in rows if part in f"{row.id} {row.name}".casefold()]


def page(
    connection: Connection,
    secrets: Secrets,
    program: Program,
    period: Period,
    location: str | None,
    cursor: str | None,
    limit: int,
) -> dict[str, Any]:
    """One page of what happened to the packages of a key's own carrier, day by day, and where it
    goes on. Raises `RequestError`."""
    if program.carrier == OPERATOR:
        raise RequestError(
            403,
            "no_carrier",
            "this key is a sender of the operator's own, whose counts are not kept apart",
        )
    of = f"report {program.carrier}"
    asked = {"since_ms": period.since_ms, "until_ms": period.until_ms, "location": location}
    after = [period.since_ms, ""]
    if cursor is not None:
        after = cursors.read(secrets, of, asked, cursor)
    query = select(_DAY).where(
        _DAY.c.carrier == program.carrier,
        _DAY.c.day_ms < period.until_ms,
        tuple_(_DAY.c.day_ms, _DAY.c.location)
        > tuple_(bindparam("after_ms"), bindparam("after_id")),
    )
    if location is not None:
        query = query.where(_DAY.c.location == location)
    query = query.order_by(_DAY.c.day_ms, _DAY.c.location).limit(limit + 1)
    rows = connection.execute(query, {"after_ms": after[0], "after_id": after[1]}).all()
    some = rows[:limit]
    more = None
    if len(rows) > limit:
        more = cursors.made(secrets, of, asked, [some[-1].day_ms, some[-1].location])
    return {"days": [_described(row) for row in some], "next": more}


def _described(row: Any) -> dict[str, Any]:
    counts = {name: getattr(row, name) for name in OF_CARRIERS}
    return {"day": day_of(row.day_ms), "location": row.location, **counts}


def _lines(reach: Reach, period: Period, carrier: str) -> Select[Any]:
    query = select(_DAY, _PLACE.c.area).join(_PLACE, _PLACE.c.id == _DAY.c.location)
    query = query.where(_is_in(period), visible_to(reach, _DAY.c.location))
    if carrier != EACH:
        query = query.where(_DAY.c.carrier == carrier)
    return query.order_by(_DAY.c.day_ms.desc(), _DAY.c.location, _DAY.c.carrier)


def _is_in(period: Period) -> ColumnElement[bool]:
    return (_DAY.c.day_ms >= period.since_ms) & (_DAY.c.day_ms < period.until_ms)


def _rows(connection: Connection, query: Select[Any]) -> list[Row]:
    return [dict(row) for row in connection.execute(query).mappings()]


def _names(connection: Connection, carriers: Collection[str]) -> dict[str, str]:
    table = schema.carrier
    rows = connection.execute(select(table.c.id, table.c.name).where(table.c.id.in_(carriers)))
    return {row.id: row.name for row in rows}
