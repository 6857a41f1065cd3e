"""Single values that the database keeps beside its tables, each by its key."""

from __future__ import annotations

from kiosk.store.writer import Writer

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


def forget(writer: Writer, key: str) -> None:
    """Keep no value of this key any more."""
    writer.db.execute("DELETE FROM meta WHERE key = ?", (key,))
