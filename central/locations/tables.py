"""What people are shown of a location beside its name and address."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Table, Text

from central.database.columns import metadata, number_column, text_column

location_listing = Table(
    "location_listing",
    metadata,
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    text_column("directions"),
    text_column("photo_url"),
    text_column("opening_hours"),
    text_column("accessibility", "[]"),
    text_column("services", "[]"),
    sqlite_strict=True,
)
"""`opening_hours` as OpenStreetMap writes them, "" where nobody said; the last two are lists of
words (`central.locations.words`)."""

site_file = Table(
    "site_file",
    metadata,
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    text_column("content"),
    number_column("changed_ms"),
    text_column("changed_by"),
    sqlite_strict=True,
)
"""What the kiosk of a location is given when it is set up: TOML, in which nobody who works there
stands."""
