"""Personal columns, sealed at rest: who has the database without the server's key reads nobody.

A column of the type `Sealed` is sealed when it is written and opened when it is read, by the key
that the database was given. What is sealed is never the same twice, so no query can compare it:
beside what people are looked up by stands a column with its blind index.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import Connection, Dialect, Table, Text
from sqlalchemy.sql.operators import OperatorType, is_, is_not
from sqlalchemy.types import TypeDecorator

from kiosk.model.invariants import BrokenInvariantError, require
from kiosk.model.sealing import Sealing, UnsealError, is_sealed

LOG = logging.getLogger("central.sealing")

_SEALINGS: WeakKeyDictionary[Dialect, Sealing] = WeakKeyDictionary()
"""Each engine has a dialect of its own, and types are asked by it."""


def seal_with(dialect: Dialect, sealing: Sealing) -> None:
    """Give a database's engine its key."""
    _SEALINGS[dialect] = sealing


def sealing_of(where: Connection | Dialect) -> Sealing:
    """What a database is sealed with, once it was given its key."""
    dialect = where.dialect if isinstance(where, Connection) else where
    sealing = _SEALINGS.get(dialect)
    if sealing is None:
        raise BrokenInvariantError("the database was given no key to seal personal columns with")
    return sealing


def seal(connection: Connection, text: str, context: str) -> str:
    """A text as it may lie in the database; `context` says where it belongs, as a table, a column
    and a row, and it opens nowhere else."""
    return sealing_of(connection).seal(text, context)


def open_sealed(connection: Connection, sealed: str, context: str) -> str:
    """A text that was sealed in this context. Raises `UnsealError`."""
    return sealing_of(connection).open(sealed, context)


def blind_index(connection: Connection, text: str, context: str) -> str:
    """What a sealed text is found by: a keyed hash, in which upper and lower case are one. The
    context is the table and the column of the sealed text: indexes of two columns have nothing in
    common."""
    return sealing_of(connection).blind_index(text, context)


def indexed(connection: Connection, table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a row with the blind indexes that stand beside some of them."""
    found = dict(values)
    for name, column in sealed_columns(table).items():
        index = index_of(table, name)
        if index and name in values:
            found[index] = blind_index(connection, values[name], column.context)
    return found


class Sealed(TypeDecorator[str]):
    """A text that lies sealed in the database. The empty text stays empty."""

    impl = Text
    cache_ok = True

    class Comparator(TypeDecorator.Comparator[str]):
        """Lets nobody look for what is never the same twice: only whether something is there."""

        def operate(self, op: OperatorType, *other: Any, **kwargs: Any) -> Any:
            """Compare with nothing, or the empty text."""
            if op not in (is_, is_not) and other != ("",):
                raise TypeError(f"{self.expr} is sealed: look it up by its blind index")
            return super().operate(op, *other, **kwargs)

    comparator_factory = Comparator

    def __init__(self, context: str, index: str = "") -> None:
        """`context` is the table and the column, `index` the column beside it with its blind index,
        if that is not named after it."""
        super().__init__()
        self.context, self.index = context, index

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Seal what is written."""
        return sealing_of(dialect).seal(value, self.context) if value else value

    def process_result_value(self, value: Any | None, dialect: Dialect) -> str | None:
        """Open what is read. What does not open is nothing: one damaged row holds up no other."""
        if not value:
            return value
        try:
            return sealing_of(dialect).open(value, self.context)
        except UnsealError as error:
            LOG.error("a sealed value does not open: %s", error)
            return ""


class SealedByRow(TypeDecorator[str]):
    """A text that only its own row opens, so that nobody gives it to another: it is sealed and
    opened by hand, with `context_of` that row."""

    impl = Text
    cache_ok = True

    def __init__(self, context: str, key: str) -> None:
        """`key` is the column that names the row."""
        super().__init__()
        self.context, self.key = context, key

    def context_of(self, row: str) -> str:
        """What is bound to the value of a row."""
        return f"{self.context}/{row}"

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Let nothing in that is not sealed."""
        require(not value or is_sealed(value), f"{self.context} must be sealed")
        return value


@cache
def sealed_columns(table: Table) -> Mapping[str, Sealed | SealedByRow]:
    """Which columns of a table are sealed, and how."""
    return {
        column.name: column.type
        for column in table.columns
        if isinstance(column.type, Sealed | SealedByRow)
    }


@cache
def index_of(table: Table, name: str) -> str:
    """The column with the blind index of a sealed one; "" where it has none."""
    column = table.c[name].type
    index = (column.index if isinstance(column, Sealed) else "") or f"{name}_index"
    return index if index in table.c else ""
