"""Whom people have named to fetch a package for them, and what became of it."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Table, Text

from central.database.columns import metadata, number_column, sealed_column, time_column

delegate = Table(
    "delegate",
    metadata,
    Column("id", Text, primary_key=True),
    Column("package", Text, ForeignKey("package.id"), nullable=False),
    sealed_column("delegate.name"),
    number_column("until_ms"),
    number_column("created_ms"),
    time_column("known_ms"),
    time_column("ended_ms"),
    time_column("closed_ms"),
    time_column("fetched_ms"),
    Index("ix_delegate_package", "package", "created_ms"),
    sqlite_strict=True,
)
"""`known_ms`: since when the kiosk takes their code; `ended_ms`: when that was ended here, and
`closed_ms` when the kiosk has heard of it; `fetched_ms`: when they fetched the package."""
