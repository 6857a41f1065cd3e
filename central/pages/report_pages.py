"""The reports: looked at, and as CSV; of everything together, or by carrier."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Connection

from central import sums
from central.areas.visible import Reach
from central.context import Central, central_of
from central.pages import naming, queries, reports
from central.pages.listing import AMONG, SHOWN, WantedList, by, of_rows
from central.pages.paths import HOME
from central.pages.rendering import HEADERS, page
from central.pages.routes import Area
from central.pages.session import Viewing
from central.periods import Period, day_of, period_of
from central.reports import by_carrier, over_time
from central.sync.tally import OF_CARRIERS, OF_DAYS
from kiosk.model.cells import safe_cell

router = APIRouter(prefix=HOME, include_in_schema=False)
Days = Annotated[int, Query(ge=1, le=366)]
Day = Annotated[str, Query(max_length=20)]
Carrier = Annotated[str, Query(max_length=40)]
"""A carrier's id, `*` for each by itself; none: everything together."""


@router.get("/reports")
async def reports_page(
    request: Request,
    operator: Viewing,
    wanted: WantedList,
    days: Days = 7,
    since: Day = "",
    until: Day = "",
    q: Annotated[str, Query(max_length=200)] = "",
    area: Area = "",
    carrier: Carrier = "",
) -> Response:
    database = central_of(request).database
    period = period_of(since, until, central_of(request).clock.now_ms(), days)
    reach = replace(operator.reach, within=area)
    text, most = q.strip(), AMONG + 1 if wanted.sort else wanted.number * SHOWN + 1
    if carrier:
        rows = await database.show(by_carrier.newest, reach, period, carrier, text, most)
    else:
        rows = await database.show(reports.newest, reach, period, text, most)
    columns = OF_CARRIERS if carrier else reports.COLUMNS
    keys = by("day_ms", "location", *columns)
    listed = replace(of_rows(rows[:AMONG], wanted, keys), is_cut=len(rows) > AMONG)
    named = await database.show(naming.names, reach, listed.rows)
    shown: dict[str, Any] = {"listed": listed, "names": named}
    shown |= {"area": area, "areas": await database.show(queries.areas, operator.reach)}
    shown |= {"days": days, "since": since, "until": until, "q": q, "carrier": carrier}
    shown |= {"columns": columns, "counted": OF_CARRIERS}
    shown |= {"shares": () if carrier else reports.SHARES}
    totals = await database.show(by_carrier.totals, reach, period)
    shown |= await database.show(_charts, reach, period, text)
    return page(request, "reports.html", operator=operator, totals=totals, **shown)


def _charts(connection: Connection, reach: Reach, period: Period, text: str) -> dict[str, Any]:
    days = over_time.by_day(connection, reach, period, text)
    return {
        "by_day": days,
        "by_hour": over_time.by_hour(connection, reach, period, text),
        "count_of": _count_of,
        "counted_each_day": OF_DAYS,
        "sums": {name: sum(day.counted[name] for day in days) for name in OF_DAYS},
        "counted_ms": None if text else sums.counted_ms(connection, period),
    }


def _count_of(day: over_time.Day, name: str) -> int | None:
    return day.taken_percent if name == "taken" else day.counted[name]


@router.get("/reports.csv")
async def reports_csv(
    request: Request,
    operator: Viewing,
    days: Days = 7,
    since: Day = "",
    until: Day = "",
    area: Area = "",
    carrier: Carrier = "",
) -> Response:
    central = central_of(request)
    period = period_of(since, until, central.clock.now_ms(), days)
    reach = replace(operator.reach, within=area)
    headers = {**HEADERS, "content-disposition": "attachment; filename=report.csv"}
    if carrier:
        lines = _lines_by_carrier(central, reach, period, carrier)
    else:
        lines = _lines(central, reach, period)
    return StreamingResponse(lines, media_type="text/csv", headers=headers)


def _lines(central: Central, reach: Reach, period: Period) -> Iterator[str]:
    """The report as CSV, day by day: of a year it is long."""
    shares = [f"{name}_percent" for name in reports.SHARES]
    yield _csv([["day", "location", *reports.COLUMNS, *shares, "area"]])
    names = ("location", *reports.COLUMNS, *reports.SHARES, "area")
    with central.database.showing() as connection:
        for rows in reports.days(connection, reach, period):
            yield _csv([day_of(row["day_ms"]), *(row[name] for name in names)] for row in rows)


def _lines_by_carrier(
    central: Central, reach: Reach, period: Period, carrier: str
) -> Iterator[str]:
    yield _csv([["day", "location", "carrier", *OF_CARRIERS, "area"]])
    names = ("location", "carrier", *OF_CARRIERS, "area")
    with central.database.showing() as connection:
        for rows in by_carrier.days(connection, reach, period, carrier):
            yield _csv([day_of(row["day_ms"]), *(row[name] for name in names)] for row in rows)


def _csv(rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows([safe_cell(cell) for cell in row] for row in rows)
    return text.getvalue()
