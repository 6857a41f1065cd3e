"""The table of the files that kiosks send because they were asked to."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Table, Text

from central.database.columns import metadata, number_column, text_column

location_file = Table(
    "location_file",
    metadata,
    Column("command", Text, primary_key=True),
    Column("location", Text, ForeignKey("location.id"), nullable=False),
    text_column("kind"),
    Column("content", LargeBinary, nullable=False),
    number_column("created_ms"),
    Index("ix_location_file_location", "location", "created_ms"),
    Index("ix_location_file_created", "created_ms"),
    sqlite_strict=True,
)
"""Sealed; `command` is what asked for it. Kept shortly."""
