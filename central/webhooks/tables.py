"""The table of receivers. What is sent to them stands in the outbox, beside the messages."""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text

from central.database.columns import (
    metadata,
    number_column,
    sealed_column,
    text_column,
    time_column,
)

webhook_endpoint = Table(
    "webhook_endpoint",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("carrier"),
    text_column("sender"),
    text_column("url"),
    text_column("events", "[]"),
    sealed_column("webhook_endpoint.secrets", "[]"),
    number_column("n"),
    number_column("created_ms"),
    time_column("disabled_ms"),
    text_column("disabled_why"),
    time_column("removed_ms"),
    Index("ix_webhook_endpoint_carrier", "carrier"),
    sqlite_strict=True,
)
"""`sender`: the key whose packages alone it hears of, as a shop's; empty: of all of its carrier.
`n` numbers what is written for a receiver; `secrets` are those that sign now."""
