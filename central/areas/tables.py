"""The tables of areas and grants."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Table, Text

from central.database.columns import metadata, number_column, text_column

area = Table(
    "area",
    metadata,
    Column("id", Text, primary_key=True),
    text_column("name"),
    text_column("parent"),
    number_column("created_ms"),
    Index("ix_area_parent", "parent"),
    sqlite_strict=True,
)
"""`parent` is the area that this one lies in; empty: it lies in none."""

area_within = Table(
    "area_within",
    metadata,
    Column("above", Text, ForeignKey("area.id"), primary_key=True),
    Column("area", Text, ForeignKey("area.id"), primary_key=True),
    Index("ix_area_within_area", "area"),
    sqlite_strict=True,
)
"""Every area with each that it lies in, itself among them: a subtree is one search in an index."""

operator_grant = Table(
    "operator_grant",
    metadata,
    Column("account", Text, ForeignKey("user_account.id"), primary_key=True),
    Column("area", Text, primary_key=True),
    Column("role", Text, nullable=False),
    CheckConstraint("role IN ('viewer', 'operator', 'admin')", name="role"),
    Index("ix_operator_grant_area", "area"),
    sqlite_strict=True,
)
"""What an account may do, and where: in an area and all within it, or, where that is empty,
everywhere. An account without a grant may do nothing."""
