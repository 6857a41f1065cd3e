"""The directories of houses: who lives together, and how each of them is reached."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from central.database.columns import metadata, number_column, sealed_column, text_column

household = Table(
    "household",
    metadata,
    Column("id", Text, primary_key=True),
    Column("location", Text, ForeignKey("location.id"), nullable=False),
    sealed_column("household.flat"),
    text_column("key_index"),
    Index("uq_household_key_index", "location", "key_index", unique=True),
    sqlite_strict=True,
)
"""`key_index` is the blind index of the flat as it is compared, or of the name where there is no
flat: by it a household stays the same when the directory is imported again."""

resident = Table(
    "resident",
    metadata,
    Column("id", Text, primary_key=True),
    Column("household", Text, ForeignKey("household.id"), nullable=False),
    sealed_column("resident.name"),
    sealed_column("resident.email"),
    text_column("email_index"),
    sealed_column("resident.phone"),
    text_column("phone_index"),
    text_column("language"),
    number_column("position"),
    number_column("created_ms"),
    Index("ix_resident_household", "household", "position"),
    Index("ix_resident_email_index", "email_index"),
    Index("ix_resident_phone_index", "phone_index"),
    sqlite_strict=True,
)
"""One way to reach somebody: a row of the file that was imported."""

directory_version = Table(
    "directory_version",
    metadata,
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    number_column("version"),
    number_column("changed_ms"),
    sqlite_strict=True,
)
"""Which version of its directory counts at a location; none where it never had one."""
