"""One row, new or changed: the statement that each database has for it, in one place."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def upsert(
    connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]
) -> None:
    """Insert the row, or change it where the key is there."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**key, **values)
    connection.execute(
        statement.on_conflict_do_update(index_elements=list(key), set_=values)
        if values
        else statement.on_conflict_do_nothing(index_elements=list(key))
    )


def insert_once(connection: Connection, table: Table, values: dict[str, Any]) -> bool:
    """Insert the row unless its key is taken; whether it was inserted."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table).values(**values).on_conflict_do_nothing()
    return connection.execute(statement).rowcount == 1
