"""The charts of the reports say what the days and hours say, of all locations together."""

from __future__ import annotations

import re

from sqlalchemy import insert, update

from central import schema
from central.areas import tree
from central.areas.visible import NETWORK
from central.auth import Role
from central.periods import Period
from central.reports import over_time
from kiosk.model.clock import DAY_MS, HOUR_MS
from tests.support.central_server import Server
from tests.support.operators import Browser

DAYS = 10


def filled(server: Server) -> int:
    """Two locations, one of them in the north, with ten days each; the first of the days."""
    first_ms = server.clock.wall_ms - server.clock.wall_ms % DAY_MS - (DAYS - 1) * DAY_MS
    for name in ("harbour", "station"):
        server.add_location(name)
    server.write(lambda c: tree.add(c, "north", "North", "", "test", server.clock.wall_ms))

    def fill(connection: object) -> None:
        run = connection.execute  # type: ignore[attr-defined]
        where = schema.location.c.id == "harbour"
        run(update(schema.location).where(where).values(area="north"))
        for number in range(DAYS):
            day_ms = first_ms + number * DAY_MS
            if number == 4:
                continue  # on which nothing was heard of anybody
            for name, taken in (("harbour", 30), ("station", 10)):
                values = {"location": name, "day_ms": day_ms, "slots": 100, "taken": taken}
                values |= {"stored": number, "picked_up": 2, "minutes": 60}
                run(insert(schema.day_status).values(**values))
                values = {"location": name, "hour_ms": day_ms + 9 * HOUR_MS, "slots": 100}
                run(insert(schema.hour_status).values(taken=taken, **values))

    server.write(fill)
    return first_ms


def test_each_day_of_the_period_is_there_once_with_its_sums(server: Server) -> None:
    first_ms = filled(server)
    period = Period(first_ms - DAY_MS, first_ms + DAYS * DAY_MS)
    days = server.central.database.read(over_time.by_day, NETWORK, period, "")
    assert [day.day_ms for day in days] == [
        first_ms + number * DAY_MS for number in range(-1, DAYS)
    ]
    assert [day.counted["stored"] for day in days] == [0, 0, 2, 4, 6, 0, 10, 12, 14, 16, 18]
    assert [day.taken_percent for day in days] == [None, *4 * [20], None, *5 * [20]]
    of_one = server.central.database.read(over_time.by_day, NETWORK, period, "HARB")
    assert [day.taken_percent for day in of_one][:2] == [None, 30]


def test_the_hours_are_those_of_the_last_seven_days(server: Server) -> None:
    first_ms = filled(server)
    period = Period(first_ms, first_ms + DAYS * DAY_MS)
    hours = server.central.database.read(over_time.by_hour, NETWORK, period, "")
    assert [day.day_ms for day in hours] == [first_ms + n * DAY_MS for n in range(3, DAYS)]
    assert hours[0].taken_percent == (*9 * [None], 20, *14 * [None])
    assert hours[1].taken_percent == (None,) * 24


def test_an_operator_of_an_area_is_shown_its_figures_alone(server: Server) -> None:
    filled(server)

    def stored(browser: Browser) -> int:
        page = browser.get("/reports?days=30").text
        return int(re.findall(r"<b>(\d+)</b> stored", page)[0])

    assert stored(Browser(server, Role.VIEWER)) == 82
    assert stored(Browser(server, Role.VIEWER, "north")) == 41
