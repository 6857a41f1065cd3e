"""Days that are summed up say what their rows say, whatever comes later and wherever a location
goes; what is not right is not shown."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, update

from central import counted_tables, housekeeping, schema, sums
from central.areas import tree
from central.areas.visible import NETWORK, Reach
from central.auth import Role
from central.periods import Period
from central.reports import by_carrier, over_time
from central.retention import prune
from central.sync import moving
from kiosk.model.clock import DAY_MS, HOUR_MS
from tests.support.central_server import LOCATION, Journal, Server
from tests.support.operators import Browser, sync

DAYS = 12
NORTH, SOUTH = Reach(("",), "north"), Reach(("",), "south")
REACHES = (NETWORK, NORTH, SOUTH, Reach(("north",)), Reach(("north", "south")), Reach(()))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Without a keeper of its own, which would sum up whenever it likes."""
    running = Server(tmp_path / "central", others={"roles": ("api",)})
    running.start()
    yield running
    running.stop()


def filled(server: Server) -> Period:
    """Three locations, two of them in an area each, with some days of two carriers each."""
    server.clock.wall_ms += 3 * HOUR_MS  # some hours into the day
    now_ms = server.clock.wall_ms
    first_ms = now_ms - now_ms % DAY_MS - (DAYS - 1) * DAY_MS
    places = {"harbour": "north", "station": "south", "market": ""}
    for name in places:
        server.add_location(name)

    def fill(connection: Connection) -> None:
        for name in ("north", "south"):
            tree.add(connection, name, name, "", "test", now_ms)
        for at, (name, area) in enumerate(places.items()):
            moving.put_location(connection, name, area, "test", now_ms)
            for number in range(DAYS):
                of_day: dict[str, Any] = {"location": name, "day_ms": first_ms + number * DAY_MS}
                counted = {"stored": number + at, "picked_up": 1}
                full = {"taken": number + at, "slots": 100}
                run = connection.execute
                run(insert(schema.day_status).values(**of_day, **counted, **full, openings=at))
                for carrier in ("red", "blue"):
                    run(insert(schema.carrier_day).values(carrier=carrier, **of_day, **counted))
                for hour in (3, 9):
                    hour_ms = of_day["day_ms"] + hour * HOUR_MS
                    run(insert(schema.hour_status).values(location=name, hour_ms=hour_ms, **full))

    server.write(fill)
    return Period(first_ms, first_ms + DAYS * DAY_MS)


def said(server: Server, period: Period, reach: Reach = NETWORK) -> Any:
    """All that is made of sums."""

    def look(connection: Connection) -> Any:
        return (
            over_time.by_day(connection, reach, period, ""),
            over_time.by_hour(connection, reach, period, ""),
            by_carrier.totals(connection, reach, period),
        )

    return server.central.database.read(look)


def stored(server: Server, period: Period, reach: Reach = NETWORK) -> list[int]:
    days, *_ = said(server, period, reach)
    return [day.counted["stored"] for day in days]


def sum_up(server: Server) -> None:
    asyncio.run(sums.sum_up(server.central))


def summed(server: Server) -> set[int]:
    rows = server.rows(counted_tables.summed_day)
    return {row.day_ms for row in rows if row.counted_ms is not None}


def test_sums_say_what_the_rows_say(server: Server) -> None:
    period = filled(server)
    before = [said(server, period, reach) for reach in REACHES]
    assert server.central.database.read(sums.counted_ms, period) is None
    sum_up(server)
    assert len(summed(server)) == DAYS - 2, "today and yesterday are not summed up"
    assert [said(server, period, reach) for reach in REACHES] == before
    # They are read: what is changed behind their back does not show.
    server.write(lambda c: c.execute(update(schema.day_status).values(stored=1000)))
    assert stored(server, period)[-3:] == [3 * (DAYS - 3) + 3, 3000, 3000]
    assert server.central.database.read(sums.counted_ms, period) == server.clock.wall_ms


def test_what_comes_late_is_in_the_report_at_once(server: Server, kiosk: Journal) -> None:
    period = filled(server)
    sum_up(server)
    before = stored(server, period)
    kiosk.clock.wall_ms -= 5 * DAY_MS
    kiosk.put_in("A")
    sync(kiosk)
    before[-6] += 1
    assert stored(server, period) == before
    assert len(summed(server)) == DAYS - 3, "only that day is added up again"
    sum_up(server)
    assert len(summed(server)) == DAYS - 2
    assert stored(server, period) == before


def test_a_location_takes_its_figures_along(server: Server) -> None:
    period = filled(server)
    sum_up(server)
    before = {name: said(server, period, reach) for name, reach in (("n", NORTH), ("s", SOUTH))}
    server.write(moving.put_location, "station", "north", "test", server.clock.wall_ms)
    for _ in range(2):
        assert stored(server, period, SOUTH) == DAYS * [0]
        assert stored(server, period, NORTH) == [2 * number + 1 for number in range(DAYS)]
        assert said(server, period, SOUTH)[2] == []
        assert said(server, period, NORTH) != before["n"]
        sum_up(server)


def test_an_hour_that_is_added_up_late_counts(server: Server, kiosk: Journal) -> None:
    period = filled(server)
    old_ms = period.since_ms + 2 * DAY_MS + 5 * HOUR_MS
    minute = {"location": LOCATION.id, "minute_ms": old_ms, "syncs": 1}
    server.write(lambda c: c.execute(schema.hour_status.delete()))
    sum_up(server)
    server.write(lambda c: c.execute(insert(schema.minute_status).values(**minute)))
    server.write(housekeeping.roll_up, server.clock.wall_ms)
    assert period.since_ms + 2 * DAY_MS not in summed(server)


def between(server: Server, monkeypatch: Any, change: Callable[[], None]) -> None:
    """Something happens while a day is read to be summed up."""
    known = sums._sums_of

    def slowly(connection: Connection, day_ms: int) -> Any:
        found = known(connection, day_ms)
        monkeypatch.setattr(sums, "_sums_of", known)
        change()
        return found

    monkeypatch.setattr(sums, "_sums_of", slowly)
    sum_up(server)


def test_what_changes_while_a_day_is_summed_up_is_not_lost(
    server: Server, monkeypatch: Any
) -> None:
    period = filled(server)
    day_ms = period.until_ms - 3 * DAY_MS  # which is the first that is summed up

    def change(connection: Connection) -> None:
        of_it = schema.day_status.c.day_ms == day_ms
        connection.execute(update(schema.day_status).where(of_it).values(stored=7))
        sums.forget_days(connection, [day_ms], server.clock.wall_ms)

    between(server, monkeypatch, lambda: server.write(change))
    assert day_ms not in summed(server)
    assert stored(server, period)[-3] == 21
    move = (moving.put_location, "station", "north", "test", server.clock.wall_ms)
    between(server, monkeypatch, lambda: server.write(*move))
    assert stored(server, period, SOUTH) == DAYS * [0]


def test_each_day_is_summed_up_once_more_the_next_day(server: Server) -> None:
    period = filled(server)
    sum_up(server)
    # A server of an earlier version counted, which takes nothing out of use.
    server.write(lambda c: c.execute(update(schema.day_status).values(stored=1000)))
    server.clock.wall_ms += sums.AGAIN_MS
    sum_up(server)
    assert stored(server, period) == DAYS * [3000]


def test_sums_are_kept_as_long_as_what_they_are_of(server: Server) -> None:
    filled(server)
    sum_up(server)
    tables = (
        counted_tables.area_day,
        counted_tables.area_carrier_day,
        counted_tables.area_hour,
        counted_tables.summed_day,
    )
    assert all(server.rows(table) for table in tables)
    server.clock.wall_ms += 4 * 366 * DAY_MS
    asyncio.run(prune(server.central))
    assert not any(server.rows(table) for table in tables)


def test_the_page_says_how_old_the_sums_are(server: Server) -> None:
    filled(server)
    browser = Browser(server, Role.VIEWER)
    assert "added up" not in browser.get("/reports?days=30").text
    sum_up(server)
    page = browser.get("/reports?days=30").text
    assert re.search(r"Days before yesterday were added up .*Jan 2027", page)
    assert "added up" not in browser.get("/reports?days=30&q=harbour").text
