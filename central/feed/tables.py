"""The tables of the feed: who reads it, and what waits for each reader.

A row of a kiosk's event names it and holds nothing of it: the event is in the journal. What the
server itself changed is in no journal, so its row holds it.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from central.database.columns import WHOLE, metadata, number_column, text_column, time_column

feed_reader = Table(
    "feed_reader",
    metadata,
    Column("name", Text, primary_key=True),
    number_column("created_ms"),
    time_column("from_ms"),
    number_column("published"),
    number_column("dropped"),
    time_column("stopped_ms"),
    time_column("removed_ms"),
    time_column("unread_since_ms"),
    sqlite_strict=True,
)
"""`from_ms`: since when it wants what is in the journal; none: nothing of that. `dropped` rows were
deleted unread since it was stopped; `unread_since_ms` is how old the oldest of them was: from there
it can begin again."""

feed = Table(
    "feed",
    metadata,
    Column("id", WHOLE, primary_key=True, autoincrement=True),
    text_column("reader"),
    Column("location", Text, ForeignKey("location.id"), nullable=False),
    text_column("epoch"),
    number_column("seq"),
    text_column("body"),
    number_column("written_ms"),
    time_column("received_ms"),
    Index("ix_feed_reader", "reader", "id"),
    sqlite_strict=True,
)
"""Within a location the ids are in the order of what happened, for whoever writes one holds the
location's row. `received_ms` is that of the event, by which it is found in its month; none at what
the server tells itself, and at what a version before wrote."""
