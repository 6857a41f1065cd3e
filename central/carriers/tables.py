"""The table of carriers. Which one a key, a package or a courier is of stands beside those."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from central.database.columns import metadata, number_column, text_column, time_column

carrier = Table(
    "carrier",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("countries", "[]"),
    text_column("look", "{}"),
    number_column("created_ms"),
    time_column("disabled_ms"),
    sqlite_strict=True,
)
"""A row is never deleted: packages name it. `operator` is always there. `look` is what its messages
show of it."""
