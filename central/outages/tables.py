"""The tables of outages: a row for each location that is out and each package that is out of reach.

A row begins with the outage and ends with it. Who was notified stands in it, so that nobody
is twice, whichever server does it and however often one is started.
"""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from central.database.columns import metadata, number_column, text_column, time_column

location_outage = Table(
    "location_outage",
    metadata,
    Column("location", Text, ForeignKey("location.id"), primary_key=True),
    text_column("why"),
    number_column("since_ms"),
    time_column("notified_ms"),
    time_column("back_ms"),
    sqlite_strict=True,
)
"""`notified_ms`: since when carriers know; `back_ms`: since when it is back, where it is."""

package_outage = Table(
    "package_outage",
    metadata,
    Column("package", Text, ForeignKey("package.id"), primary_key=True),
    Column("location", Text, ForeignKey("location.id"), nullable=False),
    text_column("why"),
    number_column("since_ms"),
    time_column("notified_ms"),
    time_column("back_ms"),
    Index("ix_package_outage_location", "location"),
    sqlite_strict=True,
)
"""The same of packages; `notified_ms`: since when their people know."""
