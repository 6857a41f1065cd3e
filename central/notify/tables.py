"""Who asked for no more SMS or reminders, and where the short links in SMS lead."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

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

short_link = Table(
    "short_link",
    metadata,
    Column("mark", Text, primary_key=True),
    Column("package", Text, ForeignKey("package.id"), nullable=False),
    Column("recipient", Text, ForeignKey("recipient.id"), nullable=False),
    number_column("created_ms"),
    Index("ix_short_link_created_ms", "created_ms"),
    sqlite_strict=True,
)
"""`mark` is made with the server's key from what stands in the link: who reads the database cannot
follow one."""
