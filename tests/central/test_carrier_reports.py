"""Reports by carrier: counted with what happened, each carrier's apart, shown to nobody else."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from alembic import command as alembic
from click.testing import CliRunner
from sqlalchemy import create_engine, text

from central import schema
from central.areas import tree
from central.areas.visible import NETWORK
from central.auth import Role
from central.command_line import cli
from central.database.migrating import alembic_config
from central.periods import last_days
from central.reports.by_carrier import days, totals
from central.sandbox.making import make
from central.sync import moving
from kiosk.model.clock import DAY_MS
from tests.central.test_lists import get
from tests.support.central_server import LOCATION, NOW_MS, Journal, Server
from tests.support.operators import Browser, sync
from tests.support.postgresql import words_of

TODAY = "2027-01-01"


@pytest.fixture
def carriers(server: Server, kiosk: Journal) -> dict[str, dict[str, str]]:
    """Three carriers' keys, and what happened: two of red's came, one went; one of blue's came."""
    for carrier in ("red", "blue"):
        server.add_carrier(carrier)
    kiosk.put_in("R1", "red")
    kiosk.take_out(kiosk.put_in("R2", "red"))
    kiosk.put_in("B1", "blue")
    sync(kiosk)
    return {name: server.add_key(carrier=name) for name in ("red", "blue", "operator")}


def of_csv(text_: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text_)))


def counted(server: Server) -> dict[str, tuple[int, int]]:
    rows = server.write(totals, NETWORK, last_days(server.clock.wall_ms, 7))
    return {row["carrier"]: (row["stored"], row["picked_up"]) for row in rows}


def test_each_carrier_is_counted_with_what_happened(
    server: Server, kiosk: Journal, carriers: dict[str, Any]
) -> None:
    kiosk.put_in("O1")
    sync(kiosk)
    sync(kiosk)  # the same events again
    assert counted(server) == {"red": (2, 1), "blue": (1, 0), "operator": (1, 0)}
    [day] = server.rows(schema.day_status)
    sums = [sum(each) for each in zip(*counted(server).values(), strict=True)]
    assert sums == [day.stored, day.picked_up], "together they are what the location counts"


def test_a_carrier_is_shown_its_own_alone(
    server: Server, kiosk: Journal, carriers: dict[str, dict[str, str]]
) -> None:
    def days_of(name: str, **query: Any) -> list[Any]:
        answer = get(server, carriers[name], "reports/days", **query)
        assert answer.ok, answer.text
        return list(answer.json()["days"])

    none = dict.fromkeys(("expired", "taken_back", "missing"), 0)
    assert days_of("red") == [
        {"day": TODAY, "location": LOCATION.id, "stored": 2, "picked_up": 1, **none}
    ]
    [blue] = days_of("blue", location=LOCATION.id, since=TODAY, until=TODAY)
    assert (blue["stored"], blue["picked_up"]) == (1, 0)
    assert days_of("blue", location="elsewhere") == []
    assert days_of("blue", since="2026-12-01", until="2026-12-31") == []
    refused = get(server, carriers["operator"], "reports/days")
    assert (refused.status_code, refused.json()["error"]) == (403, "no_carrier")
    key = server.write(lambda c: make(c, server.central, "test", "a shop", 100_000))
    sandbox = get(server, {"authorization": f"Bearer {key}"}, "reports/days")
    assert sandbox.json()["days"] == []


def test_a_report_goes_on_behind_each_page(
    server: Server, kiosk: Journal, carriers: dict[str, dict[str, str]]
) -> None:
    for number in range(3):
        kiosk.clock.wall_ms += DAY_MS
        kiosk.put_in(f"R{number + 3}", "red")
    sync(kiosk)
    server.clock.wall_ms = kiosk.clock.wall_ms
    found, query = [], dict[str, Any](limit=2)
    while True:
        body = get(server, carriers["red"], "reports/days", **query).json()
        found += [each["day"] for each in body["days"]]
        if body["next"] is None:
            break
        query["cursor"] = body["next"]
        foreign = get(server, carriers["blue"], "reports/days", **query)
        assert foreign.status_code == 422, "a cursor of another's"
    assert found == [f"2027-01-0{number}" for number in (1, 2, 3, 4)]


def test_days_that_are_none_are_refused(
    server: Server, carriers: dict[str, dict[str, str]]
) -> None:
    viewer = Browser(server, Role.VIEWER)
    for query in (
        {"since": "yesterday"},
        {"since": "2027-02-30"},
        {"until": "20270101"},
        {"since": "2027-01-02", "until": "2027-01-01"},
        {"since": "2020-01-01", "until": "2027-01-01"},
        {"since": "1970-01-01"},
    ):
        answer = get(server, carriers["red"], "reports/days", **query)
        assert (answer.status_code, answer.json()["error"]) == (422, "invalid")
        assert viewer.get(f"/reports?{urlencode(query)}").status_code in (400, 422)


def test_operators_see_it_by_carrier_period_and_area(
    server: Server, kiosk: Journal, carriers: dict[str, Any]
) -> None:
    server.write(tree.add, "north", "North", "", "test", 1)
    server.write(tree.add, "south", "South", "", "test", 1)
    server.write(moving.put_location, LOCATION.id, "north", "test", 1)
    viewer = Browser(server, Role.VIEWER)
    page = viewer.get("/reports?carrier=red").text
    assert "All days together" in page
    lines = of_csv(viewer.get("/reports.csv?carrier=*&area=north").text)
    assert [(each["carrier"], each["stored"]) for each in lines] == [("blue", "1"), ("red", "2")]
    [red] = of_csv(viewer.get(f"/reports.csv?carrier=red&since={TODAY}&until={TODAY}").text)
    assert (red["day"], red["location"], red["area"]) == (TODAY, LOCATION.id, "north")
    assert of_csv(viewer.get("/reports.csv?carrier=red&area=south").text) == []
    assert of_csv(viewer.get("/reports.csv?carrier=red&until=2026-12-31").text) == []
    other = Browser(server, Role.VIEWER, "south")
    for path in ("/reports?carrier=red", "/reports.csv?carrier=*", "/reports?carrier=*"):
        assert LOCATION.id not in other.get(path).text
    assert "All days together" not in other.get("/reports").text, "nor which carriers there are"


def test_the_console_gives_it_out_as_csv(
    server: Server, kiosk: Journal, carriers: dict[str, Any]
) -> None:
    server.write(tree.add, "south", "South", "", "test", 1)

    def report(*arguments: str) -> Any:
        words = ["report", "--since", TODAY, "--until", TODAY, *arguments]
        return CliRunner().invoke(cli, [*words_of(server.folder), *words])

    lines = of_csv(report().output)
    assert [(each["carrier"], each["stored"]) for each in lines] == [("blue", "1"), ("red", "2")]
    assert [each["carrier"] for each in of_csv(report("--carrier", "red").output)] == ["red"]
    assert [each["stored"] for each in of_csv(report("--totals").output)] == ["2", "1"]
    assert of_csv(report("--area", "south").output) == []
    assert "no area" in str(report("--area", "nowhere").exception)


def test_what_was_kept_before_is_added_up_once(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path / 'central.db'}")
    with engine.begin() as connection:
        alembic.upgrade(alembic_config(connection), "0045")
    day_ms = NOW_MS - NOW_MS % DAY_MS
    with engine.begin() as connection:
        connection.execute(text("INSERT INTO location (id) VALUES ('L')"))
        for package, carrier in (("a", "red"), ("b", "operator")):
            connection.execute(
                text("INSERT INTO package (id, location, carrier) VALUES (:id, 'L', :carrier)"),
                {"id": package, "carrier": carrier},
            )
        for seq, package in enumerate(("a", "b", "a", "")):
            connection.execute(
                text(
                    "INSERT INTO event (location, epoch, seq, kind, wall_ms, package)"
                    " VALUES ('L', 'e', :seq, 'PACKAGE_STORED', :at, :package)"
                ),
                {"seq": seq, "at": day_ms + seq, "package": package},
            )
        for at_ms, stored in ((day_ms, 4), (day_ms - DAY_MS, 7), (day_ms - 2 * DAY_MS, 0)):
            connection.execute(
                text("INSERT INTO day_status (location, day_ms, stored) VALUES ('L', :at, :n)"),
                {"at": at_ms, "n": stored},
            )
    with engine.begin() as connection:
        alembic.upgrade(alembic_config(connection), "head")
    with engine.connect() as connection:
        found = [
            (row["day_ms"], row["carrier"], row["stored"])
            for rows in days(connection, NETWORK, last_days(NOW_MS, 7), "*")
            for row in rows
        ]
    engine.dispose()
    assert found == [
        (day_ms, "operator", 2),
        (day_ms, "red", 2),
        (day_ms - DAY_MS, "operator", 7),
    ], "what is older than the events is the operator's"
