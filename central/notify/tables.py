"""Who asked for no more SMS, or for no more reminders by e-mail; no address stands in it."""

from __future__ import annotations

from sqlalchemy import Column, Table, Text

from central.database.columns import metadata, number_column

message_stop = Table(
    "message_stop",
    metadata,
    Column("address_index", Text, primary_key=True),
    Column("what", Text, primary_key=True),
    number_column("since_ms"),
    sqlite_strict=True,
)
"""`address_index` is the blind index of a number or an e-mail address, as beside `recipient`."""
