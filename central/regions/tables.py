"""What this region knows of the locations of others."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from central.database.columns import metadata, number_column, real_column, text_column

directory = Table(
    "directory",
    metadata,
    Column("region", Text, primary_key=True),
    Column("location", Text, primary_key=True),
    text_column("name"),
    text_column("address"),
    real_column("latitude"),
    real_column("longitude"),
    number_column("free"),
    text_column("free_by_size", "{}"),
    Index("ix_directory_location", "location"),
    Index("ix_directory_place", "latitude", "longitude"),
    sqlite_strict=True,
)
"""As each region last said; when that was stands in `directory_age`."""

directory_age = Table(
    "directory_age",
    metadata,
    Column("region", Text, primary_key=True),
    number_column("as_of_ms"),
    sqlite_strict=True,
)
