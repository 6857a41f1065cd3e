"""Many rows at once, new or changed: the statements that each database has for it, in one place.

A statement is built once for its table and columns: building one costs more than running it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Connection, Table, bindparam, update
from sqlalchemy.dialects import postgresql, sqlite

Row = Mapping[str, Any]


def upsert(connection: Connection, table: Table, key: Row, values: Row) -> None:
    """Insert the row, or change it where the key is there."""
    upsert_many(connection, table, tuple(key), [{**key, **values}])


def upsert_many(
    connection: Connection, table: Table, key: tuple[str, ...], rows: Sequence[Row]
) -> None:
    """Insert the rows, or change them where their keys are there; each row has a key of its own."""
    for columns, some in _alike(rows):
        statement = _upsert(connection.dialect.name, table, key, columns)
        connection.execute(statement, some)


def update_many(connection: Connection, table: Table, key: str, rows: Sequence[Row]) -> None:
    """Change the rows that these keys name; each row names its key and the columns that change."""
    for columns, some in _alike(rows):
        changed = tuple(column for column in columns if column != key)
        if changed:
            bound = [{f"new_{name}": value for name, value in row.items()} for row in some]
            connection.execute(_update(table, key, changed), bound)


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert the row unless its key is taken; whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement).rowcount == 1


def _alike(rows: Sequence[Row]) -> Iterable[tuple[tuple[str, ...], list[Row]]]:
    """The rows by the columns that they name."""
    groups: dict[tuple[str, ...], list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(sorted(row)), []).append(row)
    return groups.items()


@cache
def _upsert(dialect_name: str, table: Table, key: tuple[str, ...], columns: tuple[str, ...]) -> Any:
    dialect: Any = postgresql if dialect_name == "postgresql" else sqlite
    statement = dialect.insert(table)
    changed = [name for name in columns if name not in key]
    if not changed:
        return statement.on_conflict_do_nothing(index_elements=list(key))
    return statement.on_conflict_do_update(
        index_elements=list(key), set_={name: statement.excluded[name] for name in changed}
    )


@cache
def _update(table: Table, key: str, columns: tuple[str, ...]) -> Any:
    return (
        update(table)
        .where(table.c[key] == bindparam(f"new_{key}"))
        .values({name: bindparam(f"new_{name}") for name in columns})
    )
