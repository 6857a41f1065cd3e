"""Many rows at once, new or changed: the statements that each database has for it, in one place.

A statement is built and compiled once for its table and columns, and its rows go to the driver as
they are: that is a third of what they cost otherwise. All columns here are numbers and texts, which
need no conversion; a sealed one is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection, Dialect, Table, bindparam, insert, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from central.database.own_clock import NowMs
from central.sealing import sealed_columns
from kiosk.model.invariants import require

Row = Mapping[str, Any]


def upsert(connection: Connection, table: Table, key: Row, values: Row) -> None:
    """Insert the row, or change it where the key is there."""
    upsert_many(connection, table, tuple(key), [{**key, **values}])


def upsert_many(
    connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Insert the rows, or change them where their keys are there; each row has a key of its own."""
    for columns, some in _alike(rows):
        _run(connection, _upsert(connection.dialect, table, key, columns), some)


def add_many(
    connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Insert the rows, or add their numbers to what stands where their keys are there."""
    for columns, some in _alike(rows):
        _run(connection, _add(connection.dialect, table, key, columns), some)


def update_many(connection: Connection, table: Table, key: str, rows: Sequence[Row]) -> None:
    """Change the rows that these keys name; each row names its key and the columns that change."""
    for columns, some in _alike(rows):
        changed = tuple(column for column in columns if column != key)
        if changed:
            bound = [{f"new_{name}": value for name, value in row.items()} for row in some]
            _run(connection, _update(connection.dialect, table, key, changed), bound)


def update_one(connection: Connection, table: Table, key: str, row: Row, wanted: str) -> Any:
    """Change the row that a key names; what stands in a column of it then."""
    columns = tuple(sorted(row.keys() - {key}))
    statement = _update(connection.dialect, table, key, columns, wanted)
    return _run(connection, statement, [{f"new_{n}": v for n, v in row.items()}]).scalar_one()


def insert_many(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows, which all name the same columns."""
    _run(connection, _insert(connection.dialect, table, tuple(rows[0])), rows)


def insert_once(connection: Connection, table: Table, values: Row) -> bool:
    """Insert the row unless its key is taken; whether it was inserted. Where another transaction
    is about to take it, this one waits for what becomes of that."""
    return connection.execute(_once(connection.dialect, table), values).first() is not None


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert those rows whose keys are not taken."""
    statement = _own(connection.dialect).insert(table).values(list(rows))
    connection.execute(statement.on_conflict_do_nothing())


def _own(dialect: Dialect) -> Any:
    return postgresql if dialect.name == "postgresql" else sqlite


def _alike(rows: Sequence[Row]) -> Iterable[tuple[tuple[str, ...], list[Row]]]:
    """The rows by the columns that they name."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(row)), []).append(row)
    return groups.items()


def _run(connection: Connection, statement: SQLCompiler, rows: Sequence[Row]) -> Any:
    text, names = str(statement), statement.positiontup
    values: Any = rows if names is None else _in_order(names, rows)
    return connection.exec_driver_sql(text, values if len(values) > 1 else values[0])


def _in_order(names: Sequence[str], rows: Sequence[Row]) -> list[tuple[Any, ...]]:
    """The values of these rows in the order in which a statement names them."""
    if len(names) == 1:
        return [(row[names[0]],) for row in rows]
    return list(map(itemgetter(*names), rows))


@cache
def _insert(dialect: Dialect, table: Table, columns: tuple[str, ...]) -> Any:
    _require_plain(table, columns)
    return insert(table).compile(dialect=dialect, column_keys=list(columns))


@cache
def _once(dialect: Dialect, table: Table) -> Any:
    [key, *_] = table.primary_key
    return _own(dialect).insert(table).on_conflict_do_nothing().returning(key)


@cache
def _upsert(dialect: Dialect, table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    _require_plain(table, columns)
    statement = _own(dialect).insert(table)
    values: dict[str, Any] = {name: statement.excluded[name] for name in columns if name not in key}
    written = {each.name: NowMs() for each in table.columns if each.onupdate is not None}
    # What each update of the table writes; an insert does not do it by itself.
    values |= {name: each for name, each in written.items() if name not in values}
    if values:
        statement = statement.on_conflict_do_update(index_elements=list(key), set_=values)
    else:
        statement = statement.on_conflict_do_nothing(index_elements=list(key))
    return statement.compile(dialect=dialect, column_keys=list(columns))


@cache
def _add(dialect: Dialect, table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    _require_plain(table, columns)
    statement = _own(dialect).insert(table)
    sums = {name: table.c[name] + statement.excluded[name] for name in columns if name not in key}
    statement = statement.on_conflict_do_update(index_elements=list(key), set_=sums)
    return statement.compile(dialect=dialect, column_keys=list(columns))


@cache
def _update(
    dialect: Dialect, table: Table, key: str, columns: tuple[str, ...], wanted: str = ""
) -> Any:
    _require_plain(table, columns)
    statement = (
        update(table)
        .where(table.c[key] == bindparam(f"new_{key}"))
        .values({name: bindparam(f"new_{name}") for name in columns})
    )
    if wanted:
        return statement.returning(table.c[wanted]).compile(dialect=dialect)
    return statement.compile(dialect=dialect)


def _require_plain(table: Table, columns: tuple[str, ...]) -> None:
    """Nothing that has to be sealed goes to the driver as it is."""
    sealed = sealed_columns(table).keys() & set(columns)
    require(not sealed, f"{table.name}: {sorted(sealed)} are sealed, and not written in bulk")
