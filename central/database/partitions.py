"""The tables that grow most, on PostgreSQL by months: made ahead, and dropped as a whole when old.

Dropping a month costs nothing where deleting its rows would cost as much as writing them did. Each
table `T` consists of `T_y2026m11` and so on; of `T_old` with what is older than the first of these,
which also takes what is to be kept of a month that is dropped; and of `T_rest` for what is of no
month that is there, in which nothing stays as long as somebody keeps house.
"""

from __future__ import annotations

import gzip
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Table, select, text

from central.durable import move_durably
from kiosk.private_files import make_private

AHEAD: Final = 3
"""So many months are made beside the one that is now."""
TIMES: Final = {"event": "received_ms", "notification": "created_ms", "audit": "at_ms"}
"""The tables, and the column by which their rows are of a month."""
PATIENCE: Final = "300ms"
"""So long somebody at work is waited for, who would be waited for by all others; then it is done
another minute. A backup that runs is at work on all tables. It is less than the time after which
PostgreSQL looks for deadlocks and ends one of those that wait."""
_NAME = re.compile(r"(\w+)_y(\d{4})m(\d{2})")
_PART = re.compile(rf"({'|'.join(TIMES)})_(old|rest|y\d{{4}}m\d{{2}})")


@dataclass(frozen=True, slots=True, order=True)
class Month:
    """A month by UTC."""

    year: int
    number: int

    @staticmethod
    def of(at_ms: int) -> Month:
        """The month of a moment."""
        moment = datetime.fromtimestamp(at_ms / 1000, UTC)
        return Month(moment.year, moment.month)

    @property
    def next(self) -> Month:
        """The one behind it."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    @property
    def begins_ms(self) -> int:
        """Its first moment."""
        return int(datetime(self.year, self.number, 1, tzinfo=UTC).timestamp()) * 1000

    def partition(self, table: str) -> str:
        """What the part of a table is called that has its rows."""
        return f"{table}_y{self.year:04}m{self.number:02}"


def is_part(name: str) -> bool:
    """Whether a table is only a part of another."""
    return _PART.fullmatch(name) is not None


def of_month(table: Table, month: Month) -> ColumnElement[bool]:
    """The rows of a month."""
    time = table.c[TIMES[table.name]]
    return (time >= month.begins_ms) & (time < month.next.begins_ms)


def months_of(connection: Connection, table: str) -> list[Month]:
    """The months that a table consists of, in their order; none where it is not by months."""
    if connection.dialect.name != "postgresql":
        return []
    names = connection.execute(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = to_regclass(:it)"),
        {"it": table},
    ).scalars()
    found = [_NAME.fullmatch(name) for name in names]
    return sorted(Month(int(each[2]), int(each[3])) for each in found if each)


def make_ahead(connection: Connection, now_ms: int) -> int:
    """Have a part of each table for this month and those to come; how many were made."""
    if connection.dialect.name != "postgresql":
        return 0
    wanted = {table: _missing(connection, table, now_ms) for table in TIMES}
    _lock(connection, {table: months for table, months in wanted.items() if months})
    for table, months in wanted.items():
        for month in months:
            _make(connection, table, month)
    return sum(len(months) for months in wanted.values())


def _missing(connection: Connection, table: str, now_ms: int) -> list[Month]:
    """The months that are to be made."""
    there, month, found = months_of(connection, table), Month.of(now_ms), list[Month]()
    for _ in range(AHEAD + 1):
        if month not in there and month.begins_ms >= _old_until_ms(connection, table):
            found.append(month)
        month = month.next
    return found


def _lock(connection: Connection, wanted: dict[str, list[Month]]) -> None:
    """Keep everybody off what is to be changed, before anything is: whoever waited for one table
    while it held another would stand in a backup's way for ever.

    A statement that has chosen its parts and waits for the rest would find rows that are moved
    neither there nor in the month, which is new to it: of a table with such rows all is locked.
    """
    if not wanted:
        return
    names = []
    for table, months in wanted.items():
        any_left = " OR ".join(f"({_within(table, month)})" for month in months)
        left = text(f"SELECT 1 FROM {table}_rest WHERE {any_left} LIMIT 1")
        is_moved = connection.execute(left).first() is not None
        names.append(table if is_moved else f"{table}_rest")
    connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{PATIENCE}'")
    connection.exec_driver_sql(f"LOCK TABLE {', '.join(names)} IN ACCESS EXCLUSIVE MODE")


def _within(table: str, month: Month) -> str:
    time = TIMES[table]
    return f"{time} >= {month.begins_ms} AND {time} < {month.next.begins_ms}"


def _make(connection: Connection, table: str, month: Month) -> None:
    name = month.partition(table)
    for statement in (
        f"CREATE TABLE {name} (LIKE {table} INCLUDING ALL)",
        _moved(connection, f"{table}_rest", name, _within(table, month)),
        f"ALTER TABLE {table} ATTACH PARTITION {name}"
        f" FOR VALUES FROM ({month.begins_ms}) TO ({month.next.begins_ms})",
    ):
        connection.exec_driver_sql(statement)


def old_months(connection: Connection, table: str, before_ms: int) -> list[Month]:
    """The months of a table that were over before a moment."""
    return [each for each in months_of(connection, table) if each.next.begins_ms <= before_ms]


def write_out(connection: Connection, table: str, month: Month, folder: Path) -> Path:
    """Write a month's rows into a file beside those of other months: CSV, by gzip. One that is
    there already is whole, and stays."""
    file = folder / f"{month.partition(table)}.csv.gz"
    if file.exists():
        return file
    draft = file.with_name(f"{file.name}.part")
    draft.unlink(missing_ok=True)
    make_private(draft)
    driver: Any = connection.connection.driver_connection
    query = f"COPY (SELECT * FROM {month.partition(table)}) TO STDOUT (FORMAT csv, HEADER)"
    with (
        gzip.open(draft, "wb") as packed,
        driver.cursor() as cursor,
        cursor.copy(query) as rows,
    ):
        for part in rows:
            packed.write(part)
    move_durably(draft, file)
    return file


def drop(connection: Connection, table: Table, month: Month, kept: ColumnElement[bool]) -> int:
    """Drop a table's oldest month, but for the rows that are to be kept; how many those are.

    Nobody changes its rows meanwhile; only at the end everybody is kept off for a moment.
    """
    name, time = month.partition(table.name), TIMES[table.name]
    query = (
        select(table)
        .where(of_month(table, month), kept)
        .compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True})
    )
    old, rest = f"{table.name}_old", f"{table.name}_rest"
    run = connection.exec_driver_sql
    run(f"SET LOCAL lock_timeout = '{PATIENCE}'")
    run(f"LOCK TABLE {name} IN SHARE MODE")
    run(f"CREATE TEMPORARY TABLE kept ON COMMIT DROP AS {query}")
    run(f"ALTER TABLE {table.name} DETACH PARTITION {old}")
    run(f"ALTER TABLE {table.name} DETACH PARTITION {name}")
    columns = _columns(connection, table.name)
    count = run(f"INSERT INTO {old} ({columns}) SELECT {columns} FROM kept").rowcount
    run(_moved(connection, rest, old, f"{time} < {month.next.begins_ms}"))
    run(
        f"ALTER TABLE {table.name} ATTACH PARTITION {old}"
        f" FOR VALUES FROM (MINVALUE) TO ({month.next.begins_ms})"
    )
    run(f"DROP TABLE {name}")
    return int(count)


def _old_until_ms(connection: Connection, table: str) -> int:
    """Where the part ends that is older than all months."""
    bound = connection.execute(
        text("SELECT pg_get_expr(relpartbound, oid) FROM pg_class WHERE oid = to_regclass(:it)"),
        {"it": f"{table}_old"},
    ).scalar_one()
    [until_ms] = re.findall(r"TO \('?(\d+)'?\)", str(bound))
    return int(until_ms)


def _moved(connection: Connection, source: str, target: str, where: str) -> str:
    columns = _columns(connection, source)
    return (
        f"WITH moved AS (DELETE FROM {source} WHERE {where} RETURNING {columns})"
        f" INSERT INTO {target} ({columns}) SELECT {columns} FROM moved"
    )


def _columns(connection: Connection, table: str) -> str:
    """By name: the parts of a table may have them in different orders."""
    names = connection.execute(
        text(
            "SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:it)"
            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum"
        ),
        {"it": table},
    ).scalars()
    return ", ".join(f'"{name}"' for name in names)
