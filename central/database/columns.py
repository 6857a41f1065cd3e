"""The columns that the server's tables are made of, in the types that each database has."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    BindParameter,
    Boolean,
    Column,
    Dialect,
    Float,
    MetaData,
    Text,
    false,
    literal,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.types import TypeDecorator, TypeEngine

from central.sealing import Sealed, SealedByRow

# On SQLite the tables are STRICT: what is no number is in no column of numbers. That knows only
# some names of types.
WHOLE = BigInteger().with_variant(sqlite.INTEGER(), "sqlite")
REAL = Float().with_variant(sqlite.REAL(), "sqlite")


class Flag(TypeDecorator[bool]):
    """True or false; 1 or 0 where the database has no such type."""

    impl = Boolean
    cache_ok = True
    coerce_to_is_types = (type(None), bool)
    """`IS true` stands in the statement itself: PostgreSQL takes no bound value behind IS."""

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return sqlite.INTEGER() if dialect.name == "sqlite" else Boolean()

    def process_bind_param(self, value: bool | None, dialect: Dialect) -> Any:
        return value

    def process_result_value(self, value: Any, dialect: Dialect) -> bool | None:
        return None if value is None else bool(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def fixed(value: str) -> BindParameter[str]:
    """A value that stands in the statement itself: SQLite uses an index of some rows only where it
    sees that these are meant, and does not look at what is bound."""
    return literal(value, literal_execute=True)


def text_column(name: str, default: str = "") -> Column[str]:
    """A text that is always there."""
    return Column(name, Text, nullable=False, server_default=default)


def sealed_column(context: str, default: str = "") -> Column[str]:
    """A personal text; `context` is the table and the column."""
    name = context.partition(".")[2]
    return Column(name, Sealed(context), nullable=False, server_default=default)


def sealed_by_row_column(context: str, key: str) -> Column[str]:
    """A personal text that only its own row opens; `key` names the row."""
    name = context.partition(".")[2]
    return Column(name, SealedByRow(context, key), nullable=False, server_default="")


def number_column(name: str, default: int = 0) -> Column[int]:
    """A whole number that is always there."""
    return Column(name, WHOLE, nullable=False, server_default=str(default))


def flag_column(name: str, default: bool = False) -> Column[bool]:
    """True or false."""
    return Column(name, Flag, nullable=False, server_default=true() if default else false())


def time_column(name: str) -> Column[int]:
    """A moment that may not have come yet."""
    return Column(name, WHOLE)


def real_column(name: str) -> Column[float]:
    """A number that may be missing."""
    return Column(name, REAL)
