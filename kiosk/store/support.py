"""What of the journal goes into a file for whoever looks for a fault; it names nobody."""

from __future__ import annotations

from typing import Final

from kiosk.store.writer import Row, Writer

EVENTS_MAX: Final = 4000
BYTES_MAX: Final = 8_000_000
"""So much of it, before it is compressed to less than a tenth."""


def events_since(writer: Writer, since_ms: int) -> list[Row]:
    """The newest events since a moment by this kiosk's clock, the oldest of them first."""
    rows = writer.all(
        "SELECT seq, epoch, kind, wall_ms, monotonic_ms, is_trusted, body, hex(hash) AS hash"
        " FROM journal ORDER BY seq DESC LIMIT ?",
        (EVENTS_MAX,),
    )
    found, size = list[Row](), 0
    for row in rows:
        size += len(row["body"])
        if size > BYTES_MAX or (row["is_trusted"] and row["wall_ms"] < since_ms):
            break
        found.append(row)
    return found[::-1]
