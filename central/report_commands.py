"""`central report`: what happened, by carrier, as CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from typing import Any

import click
from sqlalchemy import Connection

from central.areas import tree
from central.areas.visible import EVERYWHERE, NETWORK, Reach
from central.console import write
from central.context import Central
from central.periods import Period, day_of, period_of
from central.reports import by_carrier
from central.reports.by_carrier import EACH
from central.settings import Settings
from central.sync.tally import OF_CARRIERS
from kiosk.model.cells import safe_cell


@click.command("report")
@click.option("--since", default="", help="The first day (UTC), as 2026-11-01.")
@click.option("--until", default="", help="The last day; today unless given.")
@click.option("--days", default=30, help="Without --since: so many days before the last one.")
@click.option("--carrier", default=EACH, help="One carrier's id; each by itself unless given.")
@click.option("--area", default=EVERYWHERE, help="Only the locations in this area.")
@click.option("--totals", is_flag=True, help="One line for each carrier, of all days together.")
@click.pass_obj
def report_command(
    settings: Settings, since: str, until: str, days: int, carrier: str, area: str, totals: bool
) -> None:
    """What happened to each carrier's packages, by day and location, as CSV."""

    def lines(connection: Connection, central: Central) -> list[list[Any]]:
        period = period_of(since, until, central.clock.now_ms(), days)
        if area != EVERYWHERE:
            tree.require_known(connection, area)
        reach = Reach(NETWORK.areas, within=area)
        if totals:
            return _totals(connection, reach, period, carrier)
        return list(_days(connection, reach, period, carrier))

    csv.writer(sys.stdout).writerows(
        [safe_cell(cell) for cell in row] for row in write(settings, lines)
    )


def _totals(connection: Connection, reach: Reach, period: Period, carrier: str) -> list[list[Any]]:
    rows = by_carrier.totals(connection, reach, period)
    shown = [row for row in rows if carrier in (EACH, row["carrier"])]
    names = ("carrier", *OF_CARRIERS)
    return [list(names), *([row[name] for name in names] for row in shown)]


def _days(
    connection: Connection, reach: Reach, period: Period, carrier: str
) -> Iterator[list[Any]]:
    yield ["day", "location", "carrier", *OF_CARRIERS, "area"]
    for rows in by_carrier.days(connection, reach, period, carrier):
        for row in rows:
            counts = [row[name] for name in OF_CARRIERS]
            yield [day_of(row["day_ms"]), row["location"], row["carrier"], *counts, row["area"]]
