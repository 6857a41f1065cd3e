"""Single values that the database keeps beside its tables, each by its key."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Any, TypeVar

from kiosk.store.writer import Writer

T = TypeVar("T")

SERVER = "centre"
"""The address of the server at which this kiosk was enrolled; absent where it never was."""


def value(writer: Writer, key: str) -> str | None:
    """The value of a key; None where none was set."""
    row = writer.one("SELECT value FROM meta WHERE key = ?", (key,))
    return None if row is None else str(row["value"])


def set_value(writer: Writer, key: str, text: str) -> None:
    """Keep a value in the place of the one before."""
    writer.db.execute(
        "INSERT INTO meta (key, value) VALUES (?, ?)"
        " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
        (key, text),
    )


def read_as(kind: type[T], text: str) -> T:
    """What a value in JSON says, a list or a table of the fields of a dataclass. What a newer
    program says beyond what is known here is passed over."""
    return known_fields(kind, json.loads(text))


def known_fields(kind: type[T], said: Any) -> T:
    """A dataclass of a list or a table, without what is not known here."""
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    if isinstance(said, list):
        return kind(*said[: len(names)])
    return kind(**{name: value for name, value in said.items() if name in names})


def forget(writer: Writer, key: str) -> None:
    """Keep no value of this key any more."""
    writer.db.execute("DELETE FROM meta WHERE key = ?", (key,))
