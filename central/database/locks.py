"""Rows that nobody else changes until this transaction ends: what keeps several servers right.

The *location's row is the lock*: whatever changes something of a location takes that first, several
in order of their ids (`central/locking.py`). What is of no location has a row or a name of its own
to lock. On SQLite there is one writer, and all of this is nothing.

The lock is `FOR NO KEY UPDATE`: it excludes its like and every change of the row, and lets others
insert rows that refer to it, such as a message about a location.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, Table, bindparam, func, select

from central.database.bulk import insert_missing

_HELD = "held_locks"


def begin(connection: Connection) -> None:
    """A transaction begins: it holds no lock yet."""
    connection.execution_options(**{_HELD: set()})


def locked(statement: Select[Any], of: Table | None = None) -> Select[Any]:
    """The same statement, that locks the rows it finds; those of one table where it joins several.

    What others committed while it waited shows in the locked rows alone: read anything else behind
    it.
    """
    return statement.with_for_update(key_share=True, of=of)


def lock_rows(connection: Connection, table: Table, keys: Iterable[str]) -> bool:
    """Lock these rows, in order, as far as they are there and not held by this transaction. Whether
    it did, so that what was read before may be old."""
    if connection.dialect.name == "sqlite":
        return False
    held = _held(connection)
    wanted = sorted(key for key in set(keys) if (table.name, key) not in held)
    if not wanted:
        return False
    found = connection.execute(*_asked(_keys, table, wanted)).scalars().all()
    held |= {(table.name, key) for key in found}
    return True


def note_locked(connection: Connection, table: Table, key: str) -> None:
    """A row was locked by a statement of its own."""
    _held(connection).add((table.name, key))


def lock_name(connection: Connection, name: str, *, shared: bool = False) -> None:
    """Lock what no row stands for; `shared`: beside others that only share it."""
    if connection.dialect.name == "sqlite":
        return
    take = func.pg_advisory_xact_lock_shared if shared else func.pg_advisory_xact_lock
    connection.execute(select(take(func.hashtextextended(name, 0))))


def locked_rows(connection: Connection, table: Table, keys: Sequence[str]) -> dict[str, Any]:
    """These rows, locked, by their keys. Where several write, one that is not there is made with
    its defaults first, so that there is something to lock."""
    [column] = table.primary_key

    def found() -> dict[str, Any]:
        rows = connection.execute(*_asked(_rows, table, keys)).mappings()
        return {row[column.name]: row for row in rows}

    rows = found()
    if connection.dialect.name == "sqlite":
        return rows
    while missing := sorted(set(keys) - rows.keys()):
        insert_missing(connection, table, [{column.name: key} for key in missing])
        rows = found()
    return rows


def _held(connection: Connection) -> set[tuple[str, str]]:
    held: set[tuple[str, str]] = connection.get_execution_options().get(_HELD, set())
    return held


def _asked(
    of: Callable[[Table, bool], Select[Any]], table: Table, keys: Sequence[str]
) -> tuple[Select[Any], dict[str, Any]]:
    """A statement and what is bound to it. One key alone is asked for by a statement that is not
    written again for each number of keys."""
    if len(keys) == 1:
        return of(table, True), {"key": keys[0]}
    return of(table, False), {"keys": keys}


@cache
def _keys(table: Table, is_one: bool) -> Select[Any]:
    [column] = table.primary_key
    return locked(select(column).where(_is_meant(column, is_one=is_one)).order_by(column))


@cache
def _rows(table: Table, is_one: bool) -> Select[Any]:
    [column] = table.primary_key
    return locked(select(table).where(_is_meant(column, is_one=is_one)).order_by(column))


def _is_meant(column: Column[Any], *, is_one: bool) -> ColumnElement[bool]:
    if is_one:
        return column == bindparam("key")
    return column.in_(bindparam("keys", expanding=True))
