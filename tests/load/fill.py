"""Fills a server's database with what comes together in months, fast: rows as the server writes
them, straight into the tables.

    python -m tests.load.fill sqlite:////path/central.db --locations 1000 --days 30

The database must be there (`central init`), and no server run on it.
"""

from __future__ import annotations

import json
import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import click
import psycopg
from sqlalchemy.engine import make_url

from central.adapters import SystemClock
from central.tokens import token_hash
from kiosk.model.clock import DAY_MS, HOUR_MS, MINUTE_MS

SLOTS = 60
SIZES = "SML"
CARRIERS = ("operator", "red", "blue")
KINDS = (
    *("DOOR_OUTCOME", "DOOR_OUTCOME", "VISIT_ENDED", "STAFF_SIGNED_IN", "SLOT_RESERVED"),
    *("PACKAGE_STORED", "DOOR_INTENDED", "PACKAGE_RETRIEVED", "COMMAND_APPLIED"),
    "PACKAGE_ANNOUNCED",
)
"""The events of one package at a kiosk."""
OF_PACKAGE = ("PACKAGE_STORED", "PACKAGE_RETRIEVED", "PACKAGE_ANNOUNCED")
Rows = Iterable[Sequence[Any]]
Table = tuple[str, str, Rows]
"""A table's name, its columns, its rows."""


@dataclass(frozen=True, slots=True)
class Past:
    """So many locations, with the hours and days of so many days. Packages, of which each location
    has so many a day, are of some of these days, and events of fewer still: they are most of the
    bytes, and no page reads them but along an index."""

    locations: int
    days: int
    package_days: int
    event_days: int
    now_ms: int
    a_day: int = 30

    @property
    def packages(self) -> int:
        """How many there were."""
        return self.locations * self.a_day * self.package_days

    def place(self, number: int) -> str:
        """Where a package was."""
        return f"L{number % self.locations}"

    def at_ms(self, number: int) -> int:
        """When a package was announced; the first is the newest."""
        back_days = number // (self.locations * self.a_day)
        return self.now_ms - back_days * DAY_MS - (number * 7919) % DAY_MS

    def status(self, number: int) -> str:
        """Those of two days are under way: of three, two lie in a door."""
        if number >= 2 * self.locations * self.a_day:
            return "RETRIEVED"
        return "STORED" if number % 3 else "PENDING"


def an_id(number: int, kind: int) -> str:
    """An id of its own for each row."""
    return f"{number:08x}-{kind:04x}-4000-8000-{number:012x}"


def tables(past: Past) -> Iterator[Table]:
    """Everything, table by table."""
    yield from _locations(past)
    yield from _times(past)
    yield from _packages(past)
    yield from _around(past)
    yield from _events(past)


def _locations(past: Past) -> Iterator[Table]:
    rng, places = random.Random(1), [f"L{number}" for number in range(past.locations)]
    layout = json.dumps({"name": "x", "slots": [_door(n) for n in range(SLOTS)], "sizes": []})
    status = json.dumps({"version": "0", "doors": {str(n): "CLOSED" for n in range(SLOTS)}})
    yield (
        "location",
        "id name latitude longitude token_hash layout status last_sync_ms epoch seq free",
        (
            (
                *(each, f"Place {each}", rng.uniform(36, 60), rng.uniform(-9, 25)),
                *(token_hash(each), layout, status, past.now_ms, "epoch", 1, 20),
            )
            for each in places
        ),
    )
    sizes = ((each, size, rank, 6, 20, 14) for each in places for rank, size in enumerate(SIZES))
    yield "location_size", "location size rank free total taken", sizes
    yield (
        "slot",
        "location label position size status door",
        (
            (each, str(n + 1), n, SIZES[n % 3], "OCCUPIED" if n < 42 else "EMPTY", "CLOSED")
            for each in places
            for n in range(SLOTS)
        ),
    )


def _door(number: int) -> dict[str, Any]:
    row, column = divmod(number, 10)
    place = {"left_mm": 500 * row, "bottom_mm": 200 * column, "width_mm": 480, "height_mm": 190}
    return {"label": str(number + 1), "locker": "A", "size": SIZES[number % 3], **place}


def _times(past: Past) -> Iterator[Table]:
    places, now_ms = [f"L{number}" for number in range(past.locations)], past.now_ms
    minute_ms, hour_ms, day_ms = (now_ms - now_ms % unit for unit in (MINUTE_MS, HOUR_MS, DAY_MS))

    def passed(back_days: int) -> int:
        """How many minutes of a day are over."""
        return 1440 if back_days else (now_ms - day_ms) // MINUTE_MS

    minutes = range(1, min(past.event_days, 7) * 1440)
    yield (
        "minute_status",
        "location minute_ms syncs events",
        ((each, minute_ms - n * MINUTE_MS, 6, 1) for n in minutes for each in places),
    )
    yield (
        "hour_status",
        "location hour_ms minutes syncs taken slots",
        (
            (each, hour_ms - n * HOUR_MS, 60, 360, 40, SLOTS)
            for n in range(1, min(past.days, 366) * 24)
            for each in places
        ),
    )
    yield (
        "day_status",
        "location day_ms stored picked_up openings minutes taken slots",
        (
            (each, day_ms - n * DAY_MS, past.a_day, past.a_day, 60, passed(n), 960, 24 * SLOTS)
            for n in range(past.days)
            for each in places
        ),
    )
    yield (
        "carrier_day",
        "carrier day_ms location stored picked_up",
        (
            (carrier, day_ms - n * DAY_MS, each, past.a_day // 3, past.a_day // 3)
            for n in range(past.days)
            for each in places
            for carrier in CARRIERS
        ),
    )


def _packages(past: Past) -> Iterator[Table]:
    every = range(past.packages)
    people = ((an_id(n, 1), f"e{n}", f"p{n}", past.at_ms(n)) for n in every)
    yield "recipient", "id email_index phone_index created_ms", people
    columns = "id location barcode barcode_key status size slot recipient sender announced_ms"
    columns += " stored_ms acknowledged_ms hold_until_ms finished_ms"

    def row(n: int) -> Sequence[Any]:
        at_ms, status, code = past.at_ms(n), past.status(n), f"JJD{n:012}"
        stored_ms = None if status == "PENDING" else at_ms + HOUR_MS
        ended_ms = at_ms + DAY_MS if status == "RETRIEVED" else None
        named = (an_id(n, 2), past.place(n), code, code, status, "S", "1", an_id(n, 1), "key")
        return (*named, at_ms, stored_ms, stored_ms, at_ms + 3 * DAY_MS, ended_ms)

    yield "package", columns, (row(n) for n in every)


def _around(past: Past) -> Iterator[Table]:
    """What is written of each package: its messages, its command, its line in the log."""
    every = range(past.packages)
    kinds = ("stored", "reminder", "about_to_expire", "retrieved")

    def message(n: int, k: int) -> Sequence[Any]:
        is_sent, at_ms = k in (0, 3) or past.status(n) == "RETRIEVED", past.at_ms(n)
        named = (an_id(n, 16 + k), kinds[k], an_id(n, 2), past.place(n), an_id(n, 1), "email")
        due_ms = at_ms if is_sent else at_ms + 4 * DAY_MS
        return (*named, "sent" if is_sent else "queued", due_ms, at_ms, at_ms + 1000)

    columns = "id kind package location recipient channel status due_ms created_ms sent_ms"
    yield "notification", columns, (message(n, k) for n in every for k in range(len(kinds)))
    yield (
        "command",
        "location n id type created_ms state answered_ms package",
        (
            (
                *(past.place(n), n // past.locations + 1, an_id(n, 3), "announce"),
                *(past.at_ms(n), "APPLIED", past.at_ms(n), an_id(n, 2)),
            )
            for n in every
        ),
    )
    lines = ((an_id(n, 4), past.at_ms(n), "package.announce", f"i{n}", "key") for n in every)
    yield "audit", "id at_ms action subject_index by_index", lines


def _events(past: Past) -> Iterator[Table]:
    count = past.locations * past.a_day * past.event_days
    body = json.dumps({"actor": "11", "rows": [["slot", {"label": "1"}]], "pad": "x" * 150})

    def row(n: int, k: int) -> Sequence[Any]:
        seq = (count - n) // past.locations * len(KINDS) + k + 1
        package = an_id(n, 2) if KINDS[k] in OF_PACKAGE else ""
        return (past.place(n), "epoch", seq, KINDS[k], body, past.at_ms(n), past.at_ms(n), package)

    columns = "location epoch seq kind body wall_ms received_ms package"
    yield "event", columns, (row(n, k) for n in range(count) for k in range(len(KINDS)))
    last = count // past.locations * len(KINDS) + len(KINDS)
    heads = ((f"L{n}", "epoch", last, "0" * 64) for n in range(past.locations))
    yield "location_epoch", "location epoch seq head_hash", heads


def fill(url: str, past: Past) -> None:
    """Write all of it, and have the database learn what it holds."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        _fill_sqlite(str(parsed.database), past)
    else:
        _fill_postgresql(parsed.set(drivername="postgresql").render_as_string(False), past)


def _fill_sqlite(file: str, past: Past) -> None:
    with closing(sqlite3.connect(file)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA cache_size = -400000")
        for table, columns, rows in tables(past):
            names = ", ".join(f'"{name}"' for name in columns.split())
            marks = ", ".join("?" * len(columns.split()))
            connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({marks})", rows)
            click.echo(table)
        connection.execute("ANALYZE")


def _fill_postgresql(url: str, past: Past) -> None:
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for table, columns, rows in tables(past):
            names = ", ".join(f'"{name}"' for name in columns.split())
            with cursor.copy(f"COPY {table} ({names}) FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)
            click.echo(table)
        cursor.execute("ANALYZE")


@click.command()
@click.argument("url")
@click.option("--locations", default=1000)
@click.option("--days", default=30)
@click.option("--package-days", default=366, help="Of so many of these days there are packages.")
@click.option("--event-days", default=10, help="Of so many days events are kept.")
def main(url: str, locations: int, days: int, package_days: int, event_days: int) -> None:
    """Fill the database at URL."""
    package_days, event_days = min(days, package_days), min(days, event_days)
    fill(url, Past(locations, days, package_days, event_days, SystemClock().now_ms()))


if __name__ == "__main__":
    main()
